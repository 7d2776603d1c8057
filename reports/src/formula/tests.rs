//! Grammar, values and limits of the formula language. Expected values are worked out by hand.

use std::collections::BTreeMap;

use approx::assert_relative_eq;
use proptest::prelude::*;

use super::*;

fn value(text: &str) -> f64 {
    value_with(text, &[]).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn value_with(text: &str, variables: &[(&str, f64)]) -> Result<f64, EvalError> {
    let variables: BTreeMap<&str, f64> = variables.iter().copied().collect();
    Formula::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).eval(&|name| variables.get(name).copied())
}

#[track_caller]
fn rejected(text: &str, position: usize, expected: &str, found: &str) {
    let error = Formula::parse(text).expect_err("a mistake");
    assert_eq!((error.position, error.found.as_str()), (position, found), "{text}: {error}");
    assert!(error.expected.contains(expected), "{text}: {error}");
}

#[test]
fn operators_bind_as_documented() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1 + 2) * 3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("24 / 4 / 2", 3.0),
        ("24 / 4 * 2", 12.0),
        ("-2^2", -4.0),
        ("(-2)^2", 4.0),
        ("2^3^2", 512.0),
        ("2^-1", 0.5),
        ("2^-1^2", 0.5),
        ("-2 * -3", 6.0),
        ("2 - -3", 5.0),
        ("--2", 2.0),
        ("2 * 3^2", 18.0),
        ("1.5e2 + 2E-1", 150.2),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn functions_have_their_values() {
    for (text, expected) in [
        ("exp(0) + ln(1)", 1.0),
        ("sqrt(81)", 9.0),
        ("abs(-3) + abs(3)", 6.0),
        ("min(3, 1, 2)", 1.0),
        ("max(3, 1 + 4)", 5.0),
        ("floor(-1.5) + ceil(1.2)", 0.0),
        ("pow(2, 10)", 1024.0),
        ("log10(1000) + log2(8)", 6.0),
        ("factorial(0) + factorial(1) + factorial(5)", 122.0),
        ("1 / factorial(200)", 0.0),
        ("erf(0) + erfc(0) + ln_gamma(1)", 1.0),
        ("erf(-40) + erf(40)", 0.0),
        ("if(1 < 2, 10, 20)", 10.0),
        ("if(1 >= 2, 10, 20)", 20.0),
        ("if(2 == 2, 1, 0) + if(2 != 2, 1, 0) + if(2 <= 2, 1, 0) + if(2 > 2, 1, 0)", 2.0),
        // The branch not taken may have no value.
        ("if(0 == 0, 7, 1 / 0)", 7.0),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn sums_run_over_integers_and_nest() {
    assert_eq!(value("sum(k, 1, 100, k)"), 5050.0);
    assert_eq!(value("sum(k, 3, 2, k)"), 0.0);
    assert_eq!(value("sum(k, -2, 2, k^2)"), 10.0);
    // Σ_{i=1}^{3} Σ_{j=1}^{i} i j = 1 + (2 + 4) + (3 + 6 + 9).
    assert_eq!(value("sum(i, 1, 3, sum(j, 1, i, i * j))"), 25.0);
    // The inner k hides the outer one; its bounds still mean the outer: Σ_{k=1}^{3} Σ_{j=k}^{3} j = 6 + 5 + 3.
    assert_eq!(value("sum(k, 1, 3, sum(k, k, 3, k))"), 14.0);
    // Σ 0.9^k from 0 to 999 = (1 - 0.9^1000) / 0.1, which is 10 but for 1e-45.
    assert_relative_eq!(value("sum(k, 0, 999, 0.9^k)"), 10.0, max_relative = 1e-15);
    // One tenth is not exact in binary; a plain sum of 100,000 is off by 2e-8.
    assert_relative_eq!(value("sum(k, 1, 100000, 0.1)"), 10_000.0, max_relative = 1e-15);
}

/// RFC 7252 §4.2: five transmissions; an exchange fails if each loses the message or its acknowledgement.
#[test]
fn a_closed_form_over_an_axis_has_its_value() {
    // p = 0.5: 1 - (1 - 0.25)^5 = 1 - 243/1024.
    let text = "1 - (1 - (1 - link.loss)^2)^(max_retransmit + 1)";
    assert_eq!(value_with(text, &[("link.loss", 0.5), ("max_retransmit", 4.0)]), Ok(1.0 - 243.0 / 1024.0));
}

#[test]
fn variables_are_listed_once_and_without_running_ones() {
    let formula = Formula::parse("b + a * sum(k, 1, n, k * a) + k").expect("a formula");
    assert_eq!(formula.variables(), ["b", "a", "n", "k"]);
    assert_eq!(formula.to_string(), "b + a * sum(k, 1, n, k * a) + k");
}

#[test]
fn mistakes_are_placed_and_say_what_was_expected() {
    rejected("", 0, "a number, a name", "the end");
    rejected("1 +", 3, "a number, a name", "the end");
    rejected("1 + * 2", 4, "a number, a name", "`*`");
    rejected("(1 + 2", 6, "\")\"", "the end");
    rejected("1 + 2)", 5, "an operator or the end", "`)`");
    rejected("2 k", 2, "an operator or the end", "`k`");
    rejected("2e", 1, "an operator or the end", "`e`");
    rejected("exp(1, 2)", 5, "`exp` takes one argument", "`,`");
    rejected("pow(1)", 5, "`pow` takes 2 arguments", "`)`");
    rejected("min(1)", 5, "two arguments or more", "`)`");
    rejected("min + 1", 4, "\"(\" after the function `min`", "`+`");
    rejected("log10(1, 2)", 7, "`log10` takes one argument", "`,`");
    rejected("factorial + 1", 10, "\"(\" after the function `factorial`", "`+`");
    rejected("log(2)", 0, "did you mean `log2`?", "`log`");
    rejected("sqr(2)", 0, "did you mean `sqrt`?", "`sqr`");
    rejected("sum(1, 2, 3, 4)", 4, "the name of the running variable", "`1`");
    rejected("sum(k, 2, 3)", 11, "`sum` takes (variable, from, to, term)", "`)`");
    rejected("if(1, 2, 3)", 4, "a comparison", "`,`");
    rejected("1 < 2", 2, "an operator or the end", "`<`");
    rejected("1 + §2", 4, "one of + - *", "`§`");
    rejected("1e999", 0, "in the range of double precision", "`1e999`");
    let error = Formula::parse("1 + * 2").expect_err("a mistake");
    assert_eq!(error.to_string(), "byte 4: expected a number, a name, \"-\" or \"(\", found `*`");
}

#[test]
fn unknown_names_come_all_at_once_with_suggestions() {
    let formula = Formula::parse("los + max_retransmits + x").expect("a formula");
    let unknown = formula.unknown_names(&["loss", "max_retransmit", "delay"]);
    let told: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "byte 0: nothing is named `los`; did you mean `loss`?",
            "byte 6: nothing is named `max_retransmits`; did you mean `max_retransmit`?",
            "byte 24: nothing is named `x`",
        ]
    );
    let Err(EvalError::UnknownNames(names)) = formula.eval(&|_| None) else { panic!("no value") };
    assert_eq!(names.len(), 3);
}

#[test]
fn what_is_not_a_number_is_an_error_where_it_arises() {
    let not_a_number = |position, operation| Err(EvalError::NotANumber { position, operation });
    assert_eq!(value_with("1 + 0 / 0", &[]), not_a_number(6, "/"));
    assert_eq!(value_with("ln(-1)", &[]), not_a_number(0, "ln"));
    assert_eq!(value_with("2 + sqrt(-1)", &[]), not_a_number(4, "sqrt"));
    assert_eq!(value_with("(-8)^0.5", &[]), not_a_number(4, "a power"));
    assert_eq!(value_with("min(1, 0/0)", &[]), not_a_number(8, "/"));
    assert_eq!(value_with("log10(-1)", &[]), not_a_number(0, "log10"));
    assert_eq!(value_with("2 * ln_gamma(0)", &[]), not_a_number(4, "ln_gamma"));
    for (text, of) in [("1 + factorial(2.5)", "2.5"), ("1 + factorial(-1)", "-1")] {
        let error = value_with(text, &[]).expect_err("no factorial");
        assert_eq!(error.to_string(), format!("byte 4: `factorial` takes an integer from 0 on, not {of}"));
    }
    assert_eq!(value_with("factorial(171)", &[]), Err(EvalError::Infinite));
    assert_eq!(value_with("1 / 0", &[]), Err(EvalError::Infinite));
    assert_eq!(value_with("sum(k, 0, 1, 1 / k)", &[]), Err(EvalError::Infinite));
    assert_eq!(value_with("1 / exp(1000)", &[]), Ok(0.0));
    assert_eq!(value_with("x", &[("x", f64::NAN)]), Err(EvalError::VariableNotFinite { name: "x".into() }));
}

#[test]
fn limits_hold() {
    let deep = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(value(&deep(DEPTH_MAX - 1)), 1.0);
    assert!(Formula::parse(&deep(DEPTH_MAX)).is_err());
    assert!(Formula::parse(&"-".repeat(TEXT_BYTES_MAX)).is_err());
    assert!(Formula::parse(&" ".repeat(TEXT_BYTES_MAX + 1)).is_err());
    // Length without depth is no limit: 1 + 1 + … of 2,500 terms.
    assert_eq!(value(&vec!["1"; 2_500].join(" + ")), 2_500.0);
    assert_eq!(value("sum(k, 1, 1000000, 1)"), 1e6);
    assert_eq!(value_with("sum(k, 0, 1000000, 1)", &[]), Err(EvalError::TooManyTerms { position: 0 }));
    let nested = value_with("sum(i, 1, 1001, sum(j, 1, 1000, 1))", &[]);
    assert_eq!(nested, Err(EvalError::TooManyTerms { position: 16 }));
    assert!(matches!(value_with("sum(k, 0, 2.5, k)", &[]), Err(EvalError::SumBounds { position: 0, .. })));
    assert!(matches!(value_with("sum(k, 0, 1e300, k)", &[]), Err(EvalError::SumBounds { .. })));
}

#[test]
fn bindings_see_those_before_them() {
    let bindings = Bindings::parse([("q", "(1 - p)^2"), ("fail", "(1 - q)^5")]).expect("bindings");
    let formula = Formula::parse("1 - fail").expect("a formula");
    assert_eq!(bindings.variables(&formula), ["p"]);
    assert_eq!(bindings.eval(&formula, &|name| (name == "p").then_some(0.5)), Ok(1.0 - 243.0 / 1024.0));
    let unknown = bindings.unknown_names(&formula, &["loss"]);
    assert_eq!(unknown.iter().map(|(place, name)| (*place, &*name.name)).collect::<Vec<_>>(), [(Some("q"), "p")]);
    let backwards = Bindings::parse([("a", "b"), ("b", "1")]).expect("bindings");
    let error = backwards.eval(&formula, &|_| None).expect_err("b is not yet bound");
    assert_eq!(error.to_string(), "where a = …: byte 0: nothing is named `b`");
}

#[test]
fn mistakes_in_bindings_come_all_at_once() {
    let errors = Bindings::parse([("min", "1"), ("a", "1 +"), ("b", "1"), ("b", "2"), ("2c", "1"), ("", "1")])
        .expect_err("mistakes");
    let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[1], "where a = …: byte 3: expected a number, a name, \"-\" or \"(\", found the end");
    assert_eq!(told[2], "where `b`: bound twice");
}

/// Texts that get past the lexer more often than arbitrary ones.
fn formula_like() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "1",
        "0.5",
        "2e3",
        "x",
        "k",
        "(",
        ")",
        ",",
        "+",
        "-",
        "*",
        "/",
        "^",
        "<",
        "==",
        "sum(k,1,9,",
        "if(x<1,",
        "ln(",
        "min(",
        " ",
    ]);
    prop::collection::vec(word, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        if let Ok(formula) = Formula::parse(&text) {
            let _ = formula.eval(&|_| Some(1.5));
        }
    }

    #[test]
    fn formula_like_text_never_panics_and_gives_finite_values(text in formula_like(), x in any::<f64>()) {
        match Formula::parse(&text) {
            Ok(formula) => prop_assert!(formula.eval(&|_| Some(x)).ok().is_none_or(f64::is_finite)),
            Err(error) => prop_assert!(error.position <= text.len()),
        }
    }

    /// The same operations in Rust, for an expression of every precedence level.
    #[test]
    fn arithmetic_agrees_with_rust(a in -1e3..1e3_f64, b in 1e-3..1e3_f64, c in -1e3..1e3_f64) {
        let ours = value_with("a - b * -c / b + (a - c) - -a", &[("a", a), ("b", b), ("c", c)]);
        prop_assert_eq!(ours, Ok(a - b * -c / b + (a - c) - -a));
    }
}

/// The root of 2 by the inverse of the square; the least x of a step; the upper bound where the target is out of reach; the lower
/// one where it is reached from the start.
#[test]
fn inverse_finds_where_a_rising_function_reaches_its_target() {
    assert!((value("inverse(x, 0, 10, x^2, 2)") - std::f64::consts::SQRT_2).abs() < 1e-14);
    assert!((value("inverse(x, 0, 10, if(x < 3, 0, 1), 0.5)") - 3.0).abs() < 1e-14);
    assert_eq!(value("inverse(x, 0, 10, x, 11)"), 10.0);
    assert_eq!(value("inverse(x, 2, 10, x, 1)"), 2.0);
    assert_eq!(value("1 + inverse(x, 0, 1, sum(k, 1, 2, k * x), 1.5)"), 1.5);
    assert!(Formula::parse("inverse(x, 0, 10, x)").unwrap_err().to_string().contains("takes (variable"));
    assert!(Formula::parse("inverse(x, 5, 1, x, 3)").unwrap().eval(&|_| None).is_err());
}

/// scipy.special.erf, erfc, gammaln and factorial.
#[test]
fn special_functions_agree_with_scipy() {
    for (text, expected) in [
        ("erf(1e-9)", 1.1283791670955127e-9),
        ("erf(0.3)", 0.3286267594591274),
        ("erf(0.5)", 0.5204998778130465),
        ("erf(0.9)", 0.7969082124228322),
        ("erf(2.5)", 0.999593047982555),
        ("erf(-0.2)", -0.22270258921047845),
        ("erfc(2.5)", 0.00040695201744495886),
        ("ln_gamma(4.5)", 2.4537365708424423),
        ("factorial(25)", 1.5511210043330984e25),
    ] {
        assert_relative_eq!(value(text), expected, max_relative = 1e-14);
    }
}

/// The closed forms of the module's table against `closed_form`, which computes them in other ways.
#[test]
fn closed_forms_of_queues_can_be_written() {
    use crate::closed_form::{FiniteQueue, GilbertElliott, mm1_sojourn_quantile};
    let b = "sum(j, 0, k - 1, (-1)^j / factorial(j) * (k - 1 - j)^j * exp((k - 1 - j) * rho) * rho^j)";
    let bindings = Bindings::parse([("b", b)]).expect("bindings");
    let md1k = Formula::parse("1 - b / (1 + rho * b)").expect("a formula");
    let mm1k = "if(rho == 1, 1 / (k + 1), (1 - rho) * rho^k / (1 - rho^(k + 1)))";
    for (rho, k) in [(0.8, 5), (0.8, 11), (0.95, 11), (1.0, 5), (1.5, 5), (0.5, 1)] {
        let of = |name: &str| if name == "rho" { Some(rho) } else { Some(k as f64) };
        let ours = bindings.eval(&md1k, &of).expect("a value");
        assert_relative_eq!(ours, FiniteQueue::md1k(rho, k).unwrap().loss(), max_relative = 1e-10);
        let ours = value_with(mm1k, &[("rho", rho), ("k", k as f64)]).expect("a value");
        assert_relative_eq!(ours, FiniteQueue::mm1k(rho, k).unwrap().loss(), max_relative = 1e-12);
    }
    let p99 = value_with("-ln(0.01) * s / (1 - rho)", &[("rho", 0.8), ("s", 1.2)]).expect("a value");
    assert_relative_eq!(p99, mm1_sojourn_quantile(0.8, 1.2, 0.99).unwrap(), max_relative = 1e-14);
    let model = GilbertElliott { to_bad: 0.02, to_good: 0.2, loss_good: 0.001, loss_bad: 0.3 };
    assert_relative_eq!(value("(0.2 * 0.001 + 0.02 * 0.3) / 0.22"), model.mean_loss().unwrap(), max_relative = 1e-14);
}
