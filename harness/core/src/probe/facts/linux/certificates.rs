//! Certificates that an image or the cluster put on a host, and when they end.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use x509_parser::error::PEMError;
use x509_parser::pem::Pem;

use super::super::Collected;
use super::super::section::{CERTIFICATES, Sections};

/// Where they are: the cluster's CA, which the kubelet trusts, own CAs of a company, and those of registries. Not the kubelet's serving
/// certificate, which the kubelet renews itself and whose file has its private key, too.
const FILES: &str = "/etc/kubernetes/pki/*.crt /etc/pki/ca-trust/source/anchors/* /etc/containerd/certs.d/*/*.crt \
                     /etc/containerd/certs.d/*/*.pem";

/// Prints the name of each file and the certificates in it, and nothing else of it: a private key beside them stays on the host. A file may lack
/// its last line feed, and what follows must not be joined to it.
pub(super) fn command() -> String {
    format!(
        "for f in {FILES}; do if [ -f \"$f\" ] && [ -r \"$f\" ]; then echo \"%% $f\"; \
         sed -n '/-BEGIN CERTIFICATE-/,/-END CERTIFICATE-/p' \"$f\" 2> /dev/null; echo; fi; done | head -n {}",
        // One more than is read, which says that there are more.
        CERTIFICATES + 1
    )
}

/// Adds `certificate.PATH.expires`, the earliest day of the certificates in a file, `certificate.PATH.unreadable`, how many of them cannot be
/// read (1 for a file without any as text), and `certificate.files`, the number of files. None of them if the section is truncated.
pub(super) fn facts(found: &mut Collected, sections: &Sections) {
    let Some(text) = sections.entire("certificates") else { return };
    let files: Vec<&str> = text.split("%% ").filter(|part| !part.trim().is_empty()).collect();
    found.put("certificate.files", files.len().to_string());
    for file in files {
        let (path, text) = file.split_once('\n').unwrap_or((file, ""));
        let (first, unreadable) = ends(text);
        found.put(format!("certificate.{}.expires", path.trim()), first.unwrap_or_default());
        if unreadable > 0 {
            found.put(format!("certificate.{}.unreadable", path.trim()), unreadable.to_string());
        }
    }
}

/// The earliest day on which one ends, and how many cannot be read.
fn ends(text: &str) -> (Option<String>, usize) {
    let end = |pem: Result<Pem, PEMError>| {
        let second = pem.ok()?.parse_x509().ok()?.validity().not_after.timestamp();
        // One that never ends says the last second of the year 9999 (RFC 5280, 4.1.2.5), which is beyond what time zones allow.
        Timestamp::from_second(second.min(Timestamp::MAX.as_second())).ok()
    };
    let all: Vec<Option<Timestamp>> = Pem::iter_from_buffer(text.as_bytes()).map(end).collect();
    let unreadable = if all.is_empty() { 1 } else { all.iter().filter(|end| end.is_none()).count() };
    (all.into_iter().flatten().min().map(|first| first.to_zoned(TimeZone::UTC).date().to_string()), unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    /// A CA of openssl 3.0.17: `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -days 400`.
    const CA: &str = "-----BEGIN CERTIFICATE-----
MIIBbjCCARWgAwIBAgIUYnRmhUJ8Am+5kwHi2poLDHLbI/cwCgYIKoZIzj0EAwIw
DTELMAkGA1UEAwwCY2EwHhcNMjYxMTMwMTIxMTI1WhcNMjgwMTA0MTIxMTI1WjAN
MQswCQYDVQQDDAJjYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD39vP5iGsMG
TYp6AfufUkUXYGfVipMCf3ce4FvyVVVhMj9TZUihYlKq5vC+xpvq65WkE/S/jbvG
wLbcMYWSpaSjUzBRMB0GA1UdDgQWBBSi9xyC/qQ4VLwzwdRxWOLdJjsnQTAfBgNV
HSMEGDAWgBSi9xyC/qQ4VLwzwdRxWOLdJjsnQTAPBgNVHRMBAf8EBTADAQH/MAoG
CCqGSM49BAMCA0cAMEQCIHQS0YsbKVt1yxcepoqughC7FQ+WrYMlAv/hUiNBhXwJ
AiBHcwAgc4ZUZvDj5hepxbSjbI3zN98eJJG6TcDYyWeYeA==
-----END CERTIFICATE-----
";

    #[test]
    fn each_file_says_when_the_first_of_its_certificates_ends() {
        let print = |text: &str| split(&format!("@@ certificates\n{text}"));
        let text = format!("%% /etc/kubernetes/pki/ca.crt\n{CA}{CA}%% /etc/pki/ca-trust/source/anchors/der.cer\n");
        let mut found = Collected::default();
        facts(&mut found, &print(&text));
        assert_eq!(found.get("certificate.files"), Some("2"));
        assert_eq!(found.get("certificate./etc/kubernetes/pki/ca.crt.expires"), Some("2028-01-04"));
        assert_eq!(found.get("certificate./etc/pki/ca-trust/source/anchors/der.cer.expires"), None);
        assert_eq!(found.get("certificate./etc/pki/ca-trust/source/anchors/der.cer.unreadable"), Some("1"));
        let bundle = CA.repeat(CERTIFICATES / CA.lines().count() + 1);
        let mut found = Collected::default();
        facts(&mut found, &print(&format!("%% /etc/pki/ca-trust/source/anchors/bundle.pem\n{bundle}")));
        assert_eq!(found.get("certificate.files"), None, "of what is cut nothing is known");
        const BROKEN: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(ends(BROKEN), (None, 1));
        assert_eq!(ends(&format!("{BROKEN}{CA}")), (Some("2028-01-04".to_owned()), 1), "a broken one hides no other");
    }
}
