//! `load-balancer-tls`: load balancers without TLS.

use amiproof_core::aws::load_balancers::{Listener, LoadBalancer};
use amiproof_core::check::Decision;

use super::facts::{Facts, Unreadable, seen};
use super::question::{Question, finding, manual, not_applicable, verdict, with_evidence};

/// See the module.
pub(crate) const QUESTION: Question = Question { id: "load-balancer-tls", assess };

const REMEDIATION: &str = "give the Service or Ingress a certificate of ACM (annotations of the AWS Load Balancer Controller) and \
                           redirect HTTP to HTTPS";

/// Judged by listeners if AWS can be read, otherwise by annotations in Kubernetes. Plain TCP may carry TLS that ends in a pod, which
/// only a person can know.
fn assess(facts: &Facts) -> Result<Decision, Unreadable> {
    let exposed = seen(&facts.exposed)?.iter().filter(|exposed| !super::system::is_namespace(&exposed.namespace));
    let balancers: &[LoadBalancer] = match &facts.account {
        Ok(account) => seen(&account.load_balancers)?,
        Err(Unreadable::NoAccount) => &[],
        Err(unseen) => return Err(unseen.clone()),
    };
    let (mut findings, mut unclear) = (Vec::new(), Vec::new());
    for balancer in balancers {
        let name = balancer.made_for.clone().unwrap_or_else(|| format!("load balancer {}", balancer.name));
        for listener in &balancer.listeners {
            match carries(listener) {
                Carries::Tls => {}
                Carries::Plain => {
                    findings.push(finding(name.clone(), format!("uses HTTP on port {}", listener.port), REMEDIATION))
                }
                Carries::Unknown => unclear.push(format!("{name}: {} on port {}", listener.protocol, listener.port)),
            }
        }
    }
    let mut is_exposed = !balancers.is_empty();
    for object in exposed {
        is_exposed = true;
        let name = format!("{}/{}/{}", object.namespace, object.kind, object.name);
        let is_seen = balancers.iter().any(|balancer| {
            balancer.made_for.as_deref() == Some(&format!("{} {}/{}", object.kind, object.namespace, object.name))
        });
        match (is_seen || object.has_certificate, object.kind, object.ports.contains(&80)) {
            (true, ..) => {}
            (false, "Ingress", _) => findings.push(finding(name, "has no certificate", REMEDIATION)),
            (false, _, true) => findings.push(finding(name, "offers port 80 and has no certificate", REMEDIATION)),
            (false, ..) => unclear.push(format!("{name}: ports {:?}", object.ports)),
        }
    }
    Ok(match (is_exposed, findings.is_empty(), unclear.is_empty()) {
        (false, ..) => not_applicable("the cluster has no load balancer, no Service of that type and no Ingress"),
        (_, false, _) => with_evidence(verdict(findings), "other ports that may be without TLS", &unclear),
        (_, true, false) => {
            let look_at = "whether what is behind the TCP and UDP listeners terminates TLS";
            with_evidence(manual(look_at), "listeners", &unclear)
        }
        (_, true, true) => verdict(findings),
    })
}

/// The protocol of a listener's connections.
enum Carries {
    Tls,
    Plain,
    Unknown,
}

fn carries(listener: &Listener) -> Carries {
    match listener.protocol.as_str() {
        "HTTPS" | "TLS" | "QUIC" => Carries::Tls,
        "HTTP" if listener.redirects_to_https => Carries::Tls,
        "HTTP" => Carries::Plain,
        _ => Carries::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::facts::kubernetes::Exposed;
    use super::super::facts::testing::{account_of, clean, outcome_of};
    use super::*;

    #[test]
    fn listeners_of_load_balancers_are_judged_by_what_they_speak() {
        for (protocol, redirects_to_https, answer) in [
            ("HTTPS", false, "pass"),
            ("TLS", false, "pass"),
            ("HTTP", true, "pass"),
            ("HTTP", false, "fail Ingress web/front"),
            ("TCP", false, "manual"),
        ] {
            let mut facts = clean();
            let listener = Listener { port: 80, protocol: protocol.to_owned(), redirects_to_https };
            let balancer = LoadBalancer {
                name: "k8s-web".to_owned(),
                is_public: true,
                made_for: Some("Ingress web/front".to_owned()),
                listeners: vec![listener],
            };
            account_of(&mut facts).load_balancers = Ok(vec![balancer]);
            assert_eq!(outcome_of(&QUESTION, &facts), answer, "{protocol}");
        }
    }

    #[test]
    fn without_an_account_annotations_say_what_they_can() {
        let object = |kind, has_certificate, ports: &[i32]| Exposed {
            kind,
            namespace: "web".to_owned(),
            name: "front".to_owned(),
            has_certificate,
            ports: ports.to_vec(),
        };
        for (exposed, answer) in [
            (vec![], "not applicable"),
            (vec![object("Ingress", true, &[])], "pass"),
            (vec![object("Ingress", false, &[])], "fail web/Ingress/front"),
            (vec![object("Service", false, &[80])], "fail web/Service/front"),
            (vec![object("Service", true, &[443])], "pass"),
            (vec![object("Service", false, &[5432])], "manual"),
        ] {
            let facts = Facts { exposed: Ok(exposed), account: Err(Unreadable::NoAccount), ..clean() };
            assert_eq!(outcome_of(&QUESTION, &facts), answer);
        }
    }
}
