//! Offers, answers and news of candidates: what an agent tells its peer over the channel, and what it does with what it is told.

use super::describe::{self, News};
use super::session::Session;
use super::{Command, IceAgent, SIGNALLING, Which};
use crate::app::Host;
use crate::ice::agent::Role;
use crate::ice::config::Signalling;
use crate::ice::signalling::{Kind, LIFE, Letter, Line};

impl IceAgent {
    /// Sends the description of the session that is set up, once it is time: at once where candidates may follow, else when all are
    /// there. An answer waits for its offer.
    pub(super) fn describe_if_due(&mut self, host: &mut dyn Host) {
        let (trickles, shared) = (self.settings.trickle, self.shared.clone());
        let hides = self.settings.hide_addresses;
        let mut names = std::mem::take(&mut self.names);
        let mut description = self.description;
        let mut letter = None;
        if let Some(session) = self.session(Which::Next)
            && !session.is_described
            && (session.is_offered || session.agent.has_peer())
            && (trickles || session.agent.is_gathered())
        {
            session.is_described = true;
            session.news.clear();
            description.1 += 1;
            let tell = |candidate| if hides { names.hide(candidate, host.rng(LIFE)) } else { candidate };
            let body = describe::description(&session.agent, &shared, description, tell).to_string().into();
            let kind = if session.is_offered { Kind::Offer } else { Kind::Answer };
            // What is in the description need not follow it.
            session.is_end = session.is_end && !session.agent.is_gathered();
            letter = Some(Letter { kind, generation: session.generation, body });
        }
        (self.names, self.description) = (names, description);
        let Some(letter) = letter else { return };
        let is_answer = letter.kind == Kind::Answer;
        self.post(&letter, host);
        if is_answer {
            self.run(Which::Next, host, |agent, cx| agent.handle_command(Command::Check, cx));
        }
    }

    /// Tells the peer what was found since the description.
    pub(super) fn tell_news(&mut self, host: &mut dyn Host) {
        if !self.settings.trickle {
            return;
        }
        let (shared, hides) = (self.shared.clone(), self.settings.hide_addresses);
        let mut names = std::mem::take(&mut self.names);
        let mut letters = Vec::new();
        for session in self.sessions.iter_mut().flatten().filter(|session| session.is_described) {
            if session.news.is_empty() && !session.is_end {
                continue;
            }
            let told = std::mem::take(&mut session.news).into_iter().map(|(stream, candidate)| {
                (stream, if hides { names.hide(candidate, host.rng(LIFE)) } else { candidate })
            });
            let fragment = describe::fragment(&session.agent, &shared, told.collect(), session.is_end);
            session.is_end = false;
            letters.push(Letter {
                kind: Kind::Info,
                generation: session.generation,
                body: fragment.to_string().into(),
            });
        }
        self.names = names;
        letters.iter().for_each(|letter| self.post(letter, host));
    }

    pub(super) fn post(&mut self, letter: &Letter, host: &mut dyn Host) {
        let now = host.now();
        let (Some(line), Some(channel)) = (&mut self.line, self.channel) else { return };
        let message = line.send(letter, now);
        self.counts.refused += u64::from(host.signal(channel, message).is_err());
        self.set_signalling_timer(host);
    }

    pub(super) fn set_signalling_timer(&self, host: &mut dyn Host) {
        match self.line.as_ref().and_then(Line::deadline) {
            Some(deadline) => host.set_timer(SIGNALLING, deadline.at, deadline.timer),
            None => host.cancel_timer(SIGNALLING),
        }
    }

    pub(super) fn read(&mut self, letter: &Letter, host: &mut dyn Host) {
        match letter.kind {
            Kind::Offer => self.take_offer(letter, host),
            Kind::Answer => self.take_answer(letter, host),
            Kind::Info => self.take_news(letter, host),
            Kind::Refusal => {
                let is_it = |session: &mut Session| session.is_offered && session.generation == letter.generation;
                if self.session(Which::Next).is_some_and(is_it) {
                    self.drop_session(Which::Next, host);
                }
            }
        }
        self.tell_news(host);
    }

    pub(super) fn take_offer(&mut self, letter: &Letter, host: &mut dyn Host) {
        let offers = self.session(Which::Next).is_some_and(|session| session.is_offered && !session.agent.has_peer());
        if offers && self.settings.role == Signalling::Offers {
            // The other end takes its own back when it gets ours.
            return;
        }
        let Ok(remote) = describe::remote(&letter.body) else {
            self.counts.malformed_descriptions += 1;
            let refusal = Letter { kind: Kind::Refusal, body: "".into(), ..*letter };
            return self.post(&refusal, host);
        };
        self.generation = self.generation.max(letter.generation);
        let role = self.role.unwrap_or(Role::Controlled);
        self.open(role, host);
        if let Some(session) = self.session(Which::Next) {
            session.generation = letter.generation;
        }
        self.run(Which::Next, host, |agent, cx| agent.handle_command(Command::Remote(remote), cx));
        self.describe_if_due(host);
    }

    pub(super) fn take_answer(&mut self, letter: &Letter, host: &mut dyn Host) {
        let is_awaited = |session: &mut Session| {
            session.is_offered && !session.agent.has_peer() && session.generation == letter.generation
        };
        if !self.session(Which::Next).is_some_and(is_awaited) {
            return;
        }
        let Ok(remote) = describe::remote(&letter.body) else {
            self.counts.malformed_descriptions += 1;
            return;
        };
        self.run(Which::Next, host, |agent, cx| {
            agent.handle_command(Command::Remote(remote), cx)?;
            agent.handle_command(Command::Check, cx)
        });
    }

    pub(super) fn take_news(&mut self, letter: &Letter, host: &mut dyn Host) {
        let Ok(News { ufrag, candidates, is_end }) = describe::news(&letter.body) else {
            self.counts.malformed_descriptions += 1;
            return;
        };
        for which in [Which::Current, Which::Next] {
            if self.session(which).is_none_or(|session| session.agent.peer_ufrag() != Some(&*ufrag)) {
                continue;
            }
            let candidates = candidates.clone();
            self.run(which, host, |agent, cx| {
                for (stream, candidate) in candidates {
                    agent.handle_command(Command::RemoteCandidate(stream, candidate), cx)?;
                }
                if is_end { agent.handle_command(Command::RemoteEnd, cx) } else { Ok(()) }
            });
        }
    }
}
