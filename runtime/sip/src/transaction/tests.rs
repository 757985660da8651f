use super::*;

const START: Time = Time::from_millis(1_000_000);

fn at(milliseconds: u64) -> Time {
    Time::from_millis(START.as_millis() + milliseconds)
}

/// Lets `step` run at every deadline and notes, in milliseconds from the start, when it answered `wanted`.
fn run<A: PartialEq>(
    wanted: &A,
    mut deadline_and_step: impl FnMut(Option<Time>) -> (Option<Time>, Option<A>),
) -> (Vec<u64>, u64) {
    let (mut hits, mut last) = (Vec::new(), 0);
    let (mut deadline, _) = deadline_and_step(None);
    while let Some(now) = deadline {
        let (next, action) = deadline_and_step(Some(now));
        last = now.since(START).as_millis() as u64;
        if action.as_ref() == Some(wanted) {
            hits.push(last);
        }
        deadline = next;
    }
    (hits, last)
}

macro_rules! drive {
    ($machine:expr, $wanted:expr) => {
        run(&$wanted, |now| match now {
            None => ($machine.deadline(), None),
            Some(now) => {
                let action = $machine.timeout(now);
                ($machine.deadline(), Some(action))
            }
        })
    };
}

#[test]
fn timer_a_doubles_and_timer_b_gives_up() {
    let timers = Timers::default();
    let mut invite = InviteClient::new(Reliability::Unreliable, START, &timers);
    let (sent, end) = drive!(invite, ClientAction::Retransmit);
    assert_eq!(sent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
    assert_eq!(end, 32_000);
    assert!(invite.is_terminated());

    let mut invite = InviteClient::new(Reliability::Reliable, START, &timers);
    let (gave_up, end) = drive!(invite, ClientAction::TimedOut);
    assert_eq!((gave_up, end), (vec![32_000], 32_000));
}

#[test]
fn a_ringing_invite_waits_for_ever() {
    let timers = Timers::default();
    let mut invite = InviteClient::new(Reliability::Unreliable, START, &timers);
    assert_eq!(
        invite.received(180, at(100), &timers),
        ClientAction::Deliver
    );
    assert!(invite.is_proceeding());
    assert_eq!(invite.deadline(), None);
    assert_eq!(
        invite.received(183, at(90_000), &timers),
        ClientAction::Deliver
    );
}

#[test]
fn a_refused_invite_is_acknowledged_until_timer_d() {
    let timers = Timers::default();
    let mut invite = InviteClient::new(Reliability::Unreliable, START, &timers);
    assert_eq!(
        invite.received(486, at(10), &timers),
        ClientAction::DeliverAndAcknowledge
    );
    assert_eq!(
        invite.received(486, at(510), &timers),
        ClientAction::Acknowledge
    );
    assert_eq!(
        invite.received(180, at(520), &timers),
        ClientAction::Nothing
    );
    assert_eq!(
        invite.received(200, at(530), &timers),
        ClientAction::Nothing
    );
    assert_eq!(invite.deadline(), Some(at(32_010)));
    assert_eq!(invite.timeout(at(32_010)), ClientAction::Nothing);
    assert!(invite.is_terminated());

    let mut invite = InviteClient::new(Reliability::Reliable, START, &timers);
    assert_eq!(
        invite.received(486, at(10), &timers),
        ClientAction::DeliverAndAcknowledge
    );
    assert!(
        invite.is_terminated(),
        "timer D is zero on a reliable transport"
    );
}

#[test]
fn an_accepted_invite_delivers_every_2xx_until_timer_m() {
    let timers = Timers::default();
    for reliability in [Reliability::Reliable, Reliability::Unreliable] {
        let mut invite = InviteClient::new(reliability, START, &timers);
        assert_eq!(invite.received(200, at(10), &timers), ClientAction::Deliver);
        assert_eq!(
            invite.received(200, at(510), &timers),
            ClientAction::Deliver
        );
        assert_eq!(
            invite.received(180, at(520), &timers),
            ClientAction::Nothing
        );
        assert_eq!(
            invite.received(486, at(530), &timers),
            ClientAction::Nothing
        );
        assert!(!invite.transport_failed());
        assert_eq!(invite.deadline(), Some(at(32_010)));
        assert_eq!(invite.timeout(at(32_010)), ClientAction::Nothing);
        assert!(invite.is_terminated());
    }
}

#[test]
fn timer_e_is_capped_at_t2_and_timer_f_gives_up() {
    let timers = Timers::default();
    let mut bye = NonInviteClient::new(Reliability::Unreliable, START, &timers);
    let (sent, end) = drive!(bye, ClientAction::Retransmit);
    assert_eq!(
        sent,
        [
            500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert_eq!(end, 32_000);

    let mut bye = NonInviteClient::new(Reliability::Unreliable, START, &timers);
    assert_eq!(bye.received(100, at(100), &timers), ClientAction::Deliver);
    let (sent, _) = drive!(bye, ClientAction::Retransmit);
    assert_eq!(
        sent,
        [500, 4_500, 8_500, 12_500, 16_500, 20_500, 24_500, 28_500],
        "T2 in Proceeding"
    );
}

#[test]
fn timer_k_absorbs_late_responses() {
    let timers = Timers::default();
    let mut bye = NonInviteClient::new(Reliability::Unreliable, START, &timers);
    assert_eq!(bye.received(200, at(10), &timers), ClientAction::Deliver);
    assert_eq!(bye.received(200, at(20), &timers), ClientAction::Nothing);
    assert_eq!(bye.deadline(), Some(at(5_010)));
    assert!(!bye.transport_failed());

    let mut bye = NonInviteClient::new(Reliability::Reliable, START, &timers);
    assert_eq!(bye.received(200, at(10), &timers), ClientAction::Deliver);
    assert!(bye.is_terminated());
}

#[test]
fn an_invite_without_response_gets_100_at_its_retransmission_or_before_200_ms() {
    let timers = Timers::default();
    let mut invite = InviteServer::new(Reliability::Unreliable, START);
    assert_eq!(invite.retransmitted(), ServerAction::Trying);
    assert_eq!(invite.timeout(at(149)), ServerAction::Nothing);
    assert_eq!(invite.deadline(), Some(at(150)));

    let mut silent = invite.clone();
    assert_eq!(silent.timeout(at(150)), ServerAction::Trying);
    assert!(silent.is_proceeding());
    assert!(silent.respond(100, at(150), &timers));
    assert_eq!(silent.retransmitted(), ServerAction::Retransmit);
    assert_eq!(silent.deadline(), None);

    assert!(invite.respond(180, at(149), &timers));
    assert_eq!(invite.timeout(at(150)), ServerAction::Nothing);
    assert_eq!(invite.deadline(), None);
}

#[test]
fn timer_g_retransmits_a_refusal_until_its_ack_or_timer_h() {
    let timers = Timers::default();
    let mut invite = InviteServer::new(Reliability::Unreliable, START);
    assert!(invite.respond(180, START, &timers));
    assert_eq!(invite.retransmitted(), ServerAction::Retransmit);
    assert!(invite.respond(486, START, &timers));
    assert!(!invite.respond(200, START, &timers), "one final response");
    let mut lost = invite.clone();
    let (sent, end) = drive!(lost, ServerAction::Retransmit);
    assert_eq!(
        sent,
        [
            500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert_eq!(end, 32_000);
    assert!(lost.is_terminated());

    assert_eq!(invite.retransmitted(), ServerAction::Retransmit);
    assert_eq!(invite.acknowledged(at(100), &timers), ServerAction::Nothing);
    assert_eq!(invite.retransmitted(), ServerAction::Nothing);
    assert_eq!(invite.acknowledged(at(200), &timers), ServerAction::Nothing);
    assert_eq!(invite.deadline(), Some(at(5_100)), "timer I");
    assert_eq!(invite.timeout(at(5_100)), ServerAction::Nothing);
    assert!(invite.is_terminated());

    let mut invite = InviteServer::new(Reliability::Reliable, START);
    assert!(invite.respond(486, START, &timers));
    assert_eq!(
        invite.deadline(),
        Some(at(32_000)),
        "no timer G, but timer H"
    );
    assert_eq!(invite.acknowledged(at(100), &timers), ServerAction::Nothing);
    assert!(
        invite.is_terminated(),
        "timer I is zero on a reliable transport"
    );
}

#[test]
fn timer_l_keeps_an_accepted_invite_from_becoming_a_second_call() {
    let timers = Timers::default();
    for reliability in [Reliability::Reliable, Reliability::Unreliable] {
        let mut invite = InviteServer::new(reliability, START);
        assert!(invite.respond(200, START, &timers));
        assert_eq!(invite.retransmitted(), ServerAction::Nothing);
        assert_eq!(invite.acknowledged(at(100), &timers), ServerAction::Deliver);
        assert_eq!(invite.deadline(), Some(at(32_000)));
        assert_eq!(invite.timeout(at(32_000)), ServerAction::Nothing);
        assert!(invite.is_terminated());
    }
}

#[test]
fn timer_j_answers_retransmissions() {
    let timers = Timers::default();
    let mut options = NonInviteServer::new(Reliability::Unreliable);
    assert_eq!(options.retransmitted(), ServerAction::Nothing);
    assert!(options.respond(200, START, &timers));
    assert!(!options.respond(500, START, &timers));
    assert_eq!(options.retransmitted(), ServerAction::Retransmit);
    assert_eq!(options.deadline(), Some(at(32_000)));
    assert_eq!(options.timeout(at(32_000)), ServerAction::Nothing);
    assert!(options.is_terminated());

    let mut options = NonInviteServer::new(Reliability::Reliable);
    assert!(options.respond(200, START, &timers));
    assert!(
        options.is_terminated(),
        "timer J is zero on a reliable transport"
    );
}

#[test]
fn a_machine_written_down_goes_on_where_it_stood() {
    let timers = Timers::default();
    let mut invite = InviteClient::new(Reliability::Unreliable, START, &timers);
    assert_eq!(invite.timeout(at(500)), ClientAction::Retransmit);
    let json = serde_json::to_string(&invite).unwrap();
    let mut restored: InviteClient = serde_json::from_str(&json).unwrap();
    assert_eq!(restored, invite);
    let (sent, _) = drive!(restored, ClientAction::Retransmit);
    assert_eq!(sent, [1_500, 3_500, 7_500, 15_500, 31_500]);
}
