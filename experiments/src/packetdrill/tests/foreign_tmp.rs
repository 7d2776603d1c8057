#[test]
fn foreign() {
    let Ok(list) = std::fs::read_to_string("/tmp/foreign.txt") else { return };
    let mut bad = 0;
    for path in list.lines() {
        let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        let (mut sources, mut mistakes) = (crate::tree::Sources::default(), crate::tree::Diagnostics::default());
        let script = super::super::parse(&mut sources, path, &text, &mut mistakes);
        let settings = super::super::Settings::new(&script, &super::super::Request::default(), &mut sources, &mut mistakes);
        let skip = settings.and_then(|s| super::super::check::check(&script, &s, &mut mistakes).map(|_| ()));
        if !mistakes.is_empty() { bad += 1; println!("{}", mistakes.render(&sources, false)); }
        else if let Err(u) = skip { println!("skip {path} {}", u.reason); }
    }
    println!("bad {bad}");
}
