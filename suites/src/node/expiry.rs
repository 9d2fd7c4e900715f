//! `node/expiry`: no account, password or certificate of a node expires while nodes start from its image.
//!
//! Benchmarks give passwords a maximum age (CIS Amazon Linux 2023 and 2, 4.6.1.1 and 4.5.1.2), counted from the day on which the image was
//! made, and accounts that have no password age too: from that day on sudo, cron and su refuse them ("Account or password is expired"), on
//! every node that is started later (Azure/AKS, issue 5567). What expires within the month fails; a later day is for a person to know.
//!
//! A certificate authority that the image brings (a company's own, a registry's) expires like that, too, and then every
//! pull and request that needs it fails. All certificates expire one day, so a later day is reported only within the
//! year before.

use std::time::Duration;

use amiproof_core::check::{Applies, CheckError, Decision};
use amiproof_core::context::Context;
use amiproof_core::probe::facts::NodeFacts;
use amiproof_model::matrix::{Family, Variant};
use amiproof_model::verdict::{Finding, Verdict};
use futures::FutureExt as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{judged, resource, silent};
use crate::definition::Definition;
use crate::host::decision;

/// See the module.
pub const CHECK: Definition = Definition::question(
    "node/expiry",
    "no account, password or certificate of a node expires while its image is in use",
    |context| run(context).boxed(),
)
.on(has_accounts)
.within(Duration::from_secs(300));

/// Days within which an end is a failure: images are released about once a month.
const SOON: i32 = 30;

/// Days before the expiry of a certificate within which it is reported.
const YEAR: i32 = 365;

fn has_accounts(variant: &Variant) -> Applies {
    match variant.family {
        Family::Al2023 | Family::Al2 => Applies::Yes,
        Family::Bottlerocket => Applies::No("Bottlerocket has no accounts to log in with"),
        Family::Windows => Applies::No("Linux only"),
    }
}

async fn run(context: &Context) -> Result<Decision, CheckError> {
    let today = amiproof_time::now().to_zoned(TimeZone::UTC).date();
    Ok(decision(context, assess(context.facts.of(context).await, today)))
}

/// The path of `certificate./etc/kubernetes/pki/ca.crt.expires`.
fn certificate(name: &str) -> Option<&str> {
    name.strip_prefix("certificate.")?.strip_suffix(".expires")
}

/// What to do about a certificate that ends.
fn renewal(path: &str) -> &'static str {
    // Written when the node boots, from what the cluster says of itself.
    if path.starts_with("/etc/kubernetes/pki/") {
        return "renew the cluster's certificate authority, and replace the nodes";
    }
    "put its successor into the image before that day, and take it out once nothing uses it"
}

/// The account and the day of `account.root.passwordExpires` = `2027-02-07`, and whether it is that of its password.
fn end<'a>(name: &'a str, value: &str) -> Option<(&'a str, bool, Date)> {
    let rest = name.strip_prefix("account.")?;
    let (account, kind) = rest.rsplit_once('.')?;
    Some((account, kind == "passwordExpires", value.parse().ok()?))
}

fn assess(facts: &[NodeFacts], today: Date) -> Verdict {
    let mut later = Vec::new();
    for of_node in facts {
        let Ok((_, read)) = &of_node.read else { continue };
        for (name, value) in &read.facts {
            if let Some(path) = certificate(name) {
                let is_of_year = |day: &Date| (SOON + 1..=YEAR).contains(&days(today, *day));
                if let Some(day) = value.parse::<Date>().ok().filter(is_of_year) {
                    let words = format!("{}: a certificate in {path} expires on {day}", resource(&of_node.node));
                    later.push(format!("{words}; {}", renewal(path)));
                }
                continue;
            }
            if let Some(path) = name.strip_prefix("certificate.").and_then(|rest| rest.strip_suffix(".unreadable")) {
                let words = format!("{value} of the certificates in {path} cannot be read: check when they expire");
                later.push(format!("{}: {words}", resource(&of_node.node)));
                continue;
            }
            let Some((account, is_password, day)) = end(name, value) else { continue };
            if days(today, day) > SOON {
                let what = if is_password { "the password of " } else { "" };
                let words = format!("{}: {what}{account} expires on {day}", resource(&of_node.node));
                later.push(format!("{words}; replace the image before then, or give the account no maximum age"));
            }
        }
    }
    let verdict = judged(facts, |node, read| {
        if !read.facts.keys().any(|name| name.starts_with("account.")) {
            return Err(silent(node, "when its accounts expire"));
        }
        if read.get("certificate.files").is_none() {
            return Err(silent(node, "when its certificates expire"));
        }
        let certificates = read.facts.iter().filter_map(|(name, value)| {
            let (path, day) = (certificate(name)?, value.parse::<Date>().ok()?);
            let word = if day <= today { "expired" } else { "expires" };
            let summary =
                format!("a certificate in {path} {word} on {day}: what trusts it refuses connections from then on");
            (days(today, day) <= SOON)
                .then(|| Finding::new(format!("{}, {name}", resource(node)), summary).with_remediation(renewal(path)))
        });
        let ends = read.facts.iter().filter_map(|(name, value)| Some((name, end(name, value)?)));
        let soon = ends.filter(|(_, (_, _, day))| days(today, *day) <= SOON);
        let at_once = read.facts.iter().filter(|(_, value)| *value == "now").filter_map(|(name, _)| {
            let account = name.strip_prefix("account.")?.strip_suffix(".passwordExpires")?;
            let summary = format!("the password of {account} must be changed at the next login: sudo and cron refuse the account until then");
            let help = "set the day of its last change when the image is built: `chage -d $(date +%F) ACCOUNT`";
            Some(Finding::new(format!("{}, {name}", resource(node)), summary).with_remediation(help))
        });
        let finding = |(name, (account, is_password, day)): (&String, (&str, bool, Date))| {
            let what = if is_password { format!("the password of {account}") } else { format!("account {account}") };
            let word = if day <= today { "expired" } else { "expires" };
            Finding::new(
                format!("{}, {name}", resource(node)),
                format!("{what} {word} on {day}: sudo and cron refuse the account from then on"),
            )
            .with_remediation("give accounts without a password no maximum age: `chage -M -1 -E -1 -I -1 ACCOUNT` when the image is built")
        };
        Ok(soon.map(finding).chain(at_once).chain(certificates).collect())
    });
    match verdict {
        Verdict::Pass if !later.is_empty() => Verdict::Manual(later.join(". ")),
        other => other,
    }
}

/// Days from one day to another; negative for one that has passed.
fn days(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::node::tests::read_facts;

    #[test]
    fn what_ends_soon_fails_and_what_ends_later_is_told() {
        let today = date(2026, 11, 21);
        let asked = |password: &str, account: &str| {
            let facts = [
                ("account.root.expires", account),
                ("account.root.passwordExpires", password),
                ("certificate.files", "0"),
            ];
            assess(&[read_facts(1, &facts)], today)
        };
        assert_eq!(asked("never", "never"), Verdict::Pass);
        for (password, account, summary) in [
            (
                "2026-11-20",
                "never",
                "the password of root expired on 2026-11-20: sudo and cron refuse the account from then on",
            ),
            (
                "never",
                "2026-12-21",
                "account root expires on 2026-12-21: sudo and cron refuse the account from then on",
            ),
        ] {
            let Verdict::Fail(findings) = asked(password, account) else { panic!("{summary}") };
            assert_eq!((findings.len(), findings[0].summary.as_str()), (1, summary));
        }
        let Verdict::Fail(findings) = asked("now", "never") else {
            panic!("a password that must be changed is refused")
        };
        assert!(findings[0].summary.starts_with("the password of root must be changed"), "{}", findings[0].summary);
        let Verdict::Manual(note) = asked("2027-11-09", "never") else { panic!("a later day is for a person") };
        assert!(note.starts_with("node 1: the password of root expires on 2027-11-09"), "{note}");
        for facts in [&[("os.name", "x")][..], &[("account.root.expires", "never")]] {
            assert!(matches!(assess(&[read_facts(1, facts)], today), Verdict::NotEvaluated(_)));
        }
    }

    #[test]
    fn a_certificate_that_ends_soon_fails_and_one_of_this_year_is_told() {
        let today = date(2026, 11, 21);
        let asked = |day: &str| {
            let facts = [
                ("account.root.expires", "never"),
                ("certificate.files", "1"),
                ("certificate./etc/pki/ca-trust/source/anchors/corp.pem.expires", day),
            ];
            assess(&[read_facts(1, &facts)], today)
        };
        assert_eq!(asked("2036-11-21"), Verdict::Pass);
        for (day, word) in [("2026-11-20", "expired"), ("2026-12-21", "expires")] {
            let Verdict::Fail(findings) = asked(day) else { panic!("{day}") };
            let path = "/etc/pki/ca-trust/source/anchors/corp.pem";
            let summary =
                format!("a certificate in {path} {word} on {day}: what trusts it refuses connections from then on");
            assert_eq!((findings.len(), findings[0].summary.as_str()), (1, summary.as_str()));
        }
        let Verdict::Manual(note) = asked("2027-03-01") else { panic!("it is told") };
        let expected = "node 1: a certificate in /etc/pki/ca-trust/source/anchors/corp.pem expires on 2027-03-01; put its successor \
                    into the image before that day, and take it out once nothing uses it";
        assert_eq!(note, expected);
        let unread = [
            ("account.root.expires", "never"),
            ("certificate.files", "1"),
            ("certificate./etc/pki/ca-trust/source/anchors/corp.cer.unreadable", "1"),
        ];
        let Verdict::Manual(note) = assess(&[read_facts(1, &unread)], today) else { panic!("it is told") };
        assert!(
            note.contains("1 of the certificates in /etc/pki/ca-trust/source/anchors/corp.cer cannot be read"),
            "{note}"
        );
    }
}
