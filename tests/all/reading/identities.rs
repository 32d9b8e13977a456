//! Identities: who is the same, and who must never be taken for somebody else.

use std::collections::BTreeSet;

use hubtally::identify::Identity;
use hubtally::model::{AgentHash, PathHash, SenderId, Who};

use super::*;

fn identify(user: Option<&str>, address: Option<&str>, hashed: bool, agent: Option<&str>) -> Identity {
    let [user, address, agent] = [user, address, agent].map(|text| text.map(|text| text.to_owned().into()));
    key().identify(&Request { user, address, hashed, agent, ..get("/") })
}

fn address(text: &str) -> Who {
    identify(None, Some(text), false, None).who
}

#[test]
fn a_user_wins_over_an_address() {
    let jane = identify(Some("jane"), Some("192.0.2.7"), false, None);
    assert_eq!(jane, identify(Some("jane"), None, false, None));
    assert!(jane.user && jane.known);
    let nobody = identify(None, None, false, Some("curl/8.5.0"));
    assert_eq!((nobody.who, nobody.user, nobody.known), (Who::NOBODY, false, false));
    assert_eq!(identify(Some(""), Some(""), false, None).who, Who::NOBODY);
}

#[test]
fn kinds_of_identity_are_kept_apart() {
    let all = [
        identify(Some("192.0.2.7"), None, false, None),
        identify(None, Some("192.0.2.7"), false, None),
        identify(Some("192.0.2.7"), None, true, None),
        identify(None, Some("192.0.2.7"), true, None),
        identify(None, Some("192.0.2.7 "), false, None),
        identify(None, Some("2001:db8::1"), false, None),
    ];
    assert_eq!(all.iter().map(|identity| identity.who).collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn addresses() {
    assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
    assert_eq!(address("2001:db8:0:1::1"), address("2001:db8:0:1:ffff:ffff:ffff:ffff"));
    assert_eq!(address("[2001:db8:0:1::1]"), address("2001:db8:0:1::2"));
    assert_ne!(address("2001:db8:0:1::1"), address("2001:db8:0:2::1"));
    assert_ne!(address("192.0.2.7"), address("192.0.2.8"));
}

#[test]
fn exports_come_back_as_they_are() {
    let key = key();
    let who = address("192.0.2.7");
    let text = key.export(who, true);
    assert_eq!(text.len(), 4 + 8 + 1 + 16);
    for hashed in [false, true] {
        let as_user = identify(Some(&text), None, hashed, None);
        assert_eq!((as_user.who, as_user.user), (who, true));
        let as_address = identify(None, Some(&text), hashed, None);
        assert_eq!((as_address.who, as_address.user), (who, false));
    }
    let nobody = identify(Some(&key.export(Who::NOBODY, true)), None, false, None);
    assert_eq!((nobody.who, nobody.user, nobody.known), (Who::NOBODY, false, false));
    let foreign = IdentityKey::new(&[8; 32]).export(who, true);
    assert_ne!(identify(None, Some(&foreign), false, None).who, who);
    for damaged in [&text[..28], &format!("{text}0"), &text.replace("ht1_", "ht2_"), &format!("{}_+123456789abcdef", &text[..12])]
    {
        let text_identity = identify(None, Some(damaged), false, None);
        assert!(text_identity.known && text_identity.who != who, "{damaged}");
    }
}

#[test]
fn agents_are_hashed_in_their_canonical_form() {
    let agent = |text| identify(None, Some("192.0.2.7"), false, text).agent;
    assert_eq!(agent(None), AgentHash(0));
    assert_eq!(agent(Some("")), AgentHash(0));
    assert_eq!(agent(Some("git/2.47.3")), agent(Some("git-lfs/3.3.0 (GitHub; linux amd64; go 1.19.8)")));
    assert_ne!(agent(Some("curl/8.5.0")), agent(Some("curl/8.6.0")));
    assert_ne!(agent(Some("curl/8.5.0")), AgentHash(0));
    assert_eq!(identify(None, Some("a0b1"), true, Some("curl/8.5.0")).agent, AgentHash(0));
}

/// Frozen: stored events hold these. If this fails, known downloaders have become strangers.
#[test]
fn hashes_stay_as_they_are() {
    let key = IdentityKey::new(&[7; 32]);
    let jane = identify(Some("jane"), None, false, Some("curl/8.5.0"));
    let fingerprint: String = key.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    let seen = [
        key.id().to_owned(),
        fingerprint,
        key.export(jane.who, true),
        format!("{:08x}", jane.agent.0),
        key.export(address("192.0.2.7"), true),
        key.export(address("2001:db8::1"), true),
        key.export(identify(Some("3f1c"), None, true, None).who, true),
        key.export(identify(None, Some("3f1c"), true, None).who, true),
        key.export(address("unix:"), true),
        format!("{:016x}", PathHash::of("config.json").0),
        format!("{:016x}", SenderId::of("req-1").0),
    ];
    assert_eq!(seen.join("\n"), include_str!("identities.golden").trim_end());
}

#[test]
fn keys_of_other_secrets_know_nobody() {
    let other = IdentityKey::new(&[8; 32]);
    assert_ne!(other.id(), key().id());
    assert_ne!(other.fingerprint(), key().fingerprint());
    assert_ne!(other.identify(&get("/")).who, key().identify(&get("/")).who);
}
