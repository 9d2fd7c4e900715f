//! Facts of a Windows host.

use super::Collected;
use super::section::Sections;

/// The script. Every line stands alone, so that one that fails leaves the others.
pub(super) const SCRIPT: &str = r"$ErrorActionPreference = 'SilentlyContinue'
'@@ installation'
(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').InstallationType
'@@ product'
(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').ProductName
'@@ build'
(Get-ItemProperty 'HKLM:\SOFTWARE\Microsoft\Windows NT\CurrentVersion').CurrentBuild
'@@ rdp'
(Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server').fDenyTSConnections
'@@ services'
Get-Service | ForEach-Object { $_.Name + ' ' + $_.StartType + ' ' + $_.Status }
'@@ listening'
Get-NetTCPConnection -State Listen | ForEach-Object { $_.LocalAddress + ' ' + $_.LocalPort }
'@@ firewall'
Get-NetFirewallProfile | ForEach-Object { $_.Name + ' ' + $_.Enabled + ' ' + $_.DefaultInboundAction }
'@@ hotfixes'
Get-HotFix | ForEach-Object { $_.HotFixID }
'@@ kubelet-file'
Get-Content 'C:\ProgramData\kubernetes\kubelet-config.json'
";

/// Services that decide who gets in and whether the node works: their state is a fact even where they neither start by themselves nor run.
const SERVICES: [&str; 8] =
    ["AmazonSSMAgent", "TermService", "WinRM", "sshd", "MpsSvc", "containerd", "kubelet", "kube-proxy"];

/// What the sections of [`SCRIPT`] say.
pub(super) fn parse(sections: &Sections) -> Collected {
    let mut found = Collected::default();
    let text = |name: &str| sections.text(name);
    found.put("windows.installation", text("installation"));
    found.put("os.name", text("product"));
    found.put("windows.build", text("build"));
    found.put(
        "windows.rdp",
        match text("rdp").trim() {
            "0" => "allowed",
            "1" => "denied",
            _ => "",
        },
    );
    for line in text("services").lines() {
        let Some((name, state)) = line.trim().split_once(' ') else { continue };
        let state = state.to_ascii_lowercase();
        // Services of a session have a number of their own: CDPUserSvc_3f2a1.
        let is_of_session = name.contains('_');
        if SERVICES.contains(&name) || state.starts_with("automatic") && !is_of_session {
            found.put(format!("service.{name}"), state);
        }
    }
    let local = |address: &str| address.starts_with("127.") || address == "::1";
    let mut ports: Vec<u16> = text("listening")
        .lines()
        .filter_map(|line| line.trim().split_once(' ').filter(|(address, _)| !local(address))?.1.parse().ok())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    found.put("listening.tcp", ports.iter().map(u16::to_string).collect::<Vec<_>>().join(" "));
    for line in text("firewall").lines() {
        if let Some((profile, state)) = line.trim().split_once(' ') {
            found.put(format!("firewall.windows.{profile}"), state);
        }
    }
    let hotfixes: Vec<&str> = text("hotfixes").split_whitespace().collect();
    found.put("windows.hotfixes", hotfixes.join(" "));
    found.kubelet = serde_json::from_str(text("kubelet-file")).ok();
    if !text("services").trim().is_empty() {
        found.texts.insert("services".to_owned(), text("services").to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::facts::section::split;

    #[test]
    fn the_output_of_powershell_becomes_facts() {
        let output = "@@ installation\r\nServer Core\r\n@@ product\r\nWindows Server 2022 Datacenter\r\n@@ build\r\n20348\r\n\
                      @@ rdp\r\n1\r\n@@ services\r\nAmazonSSMAgent Automatic Running\r\nSpooler Manual Stopped\r\n\
                      W32Time Automatic Running\r\nCDPUserSvc_3f2a1 Automatic Running\r\n\
                      @@ listening\r\n0.0.0.0 10250\r\n127.0.0.1 10248\r\n:: 10250\r\n@@ firewall\r\nPublic True NotConfigured\r\n\
                      @@ hotfixes\r\nKB5044030\r\nKB5044099\r\n@@ kubelet-file\r\n{\"readOnlyPort\": 0}\r\n";
        let found = parse(&split(output));
        let facts: Vec<_> = found.facts.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            facts,
            [
                "windows.installation=Server Core",
                "os.name=Windows Server 2022 Datacenter",
                "windows.build=20348",
                "windows.rdp=denied",
                "service.AmazonSSMAgent=automatic running",
                "service.W32Time=automatic running",
                "listening.tcp=10250",
                "firewall.windows.Public=True NotConfigured",
                "windows.hotfixes=KB5044030 KB5044099",
            ]
        );
        assert!(found.kubelet.is_some());
    }
}
