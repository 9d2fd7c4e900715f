//! Inspector's own report of a scan, as CSV and as PDF: saved as evidence for auditors, unchanged.

use std::time::Duration;

use amiproof_model::verdict::Evidence;
use aws_sdk_inspector2::types::{CisReportFormat, CisReportStatus};
use camino::Utf8Path;
use tokio::time::Instant;

use crate::aws::error::{AwsError, Explain as _};
use crate::aws::{Clients, presigned};
use crate::scan::evidence_path;

/// The polling interval for the report.
const POLL: Duration = Duration::from_secs(20);
/// Deadline for creating it.
const REPORT_DEADLINE: Duration = Duration::from_secs(5 * 60);
/// A report of 50 instances with 300 controls each is below 20 MB.
const LARGEST: u64 = 64 * 1024 * 1024;
/// Deadline for the whole download, and the shortest one when time is scaled.
const DOWNLOAD: Duration = Duration::from_secs(120);
const SHORTEST_DOWNLOAD: Duration = Duration::from_secs(5);

/// Keeps both formats below `folder`, fetched concurrently: at most seven minutes for making and fetching them. A report that is not
/// available says so in its evidence; results are valid without it.
pub(super) async fn keep(clients: &Clients, scan_arn: &str, folder: &Utf8Path) -> Vec<Evidence> {
    let forms = [(CisReportFormat::Csv, "inspector-report.csv"), (CisReportFormat::Pdf, "inspector-report.pdf")];
    let kept = forms.map(|(format, name)| async move {
        let title = format!("Inspector's own report ({})", format.as_str());
        match one(clients, scan_arn, format, &folder.join(name)).await {
            Ok(size) => Evidence {
                name: title,
                text: format!("{name}, {size} bytes, as Inspector wrote it"),
                file: Some(evidence_path(folder, name)),
            },
            Err(reason) => Evidence { name: title, text: format!("not available: {reason}"), file: None },
        }
    });
    futures::future::join_all(kept).await
}

async fn one(clients: &Clients, scan_arn: &str, format: CisReportFormat, path: &Utf8Path) -> Result<u64, String> {
    // At least a few polls: scaled time does not make this machine faster.
    let until = Instant::now() + amiproof_time::scaled(REPORT_DEADLINE).max(SHORTEST_DOWNLOAD);
    let url = loop {
        match ask(clients, scan_arn, format.clone()).await.map_err(|error| error.to_string())? {
            (Some(CisReportStatus::Succeeded), Some(url)) => break url,
            (Some(CisReportStatus::InProgress), _) if Instant::now() < until => clients.pause(POLL).await,
            (Some(CisReportStatus::InProgress), _) => {
                return Err(format!("Inspector did not create the report within {}s", REPORT_DEADLINE.as_secs()));
            }
            (status, _) => {
                let status = status.map_or("no status".to_owned(), |status| format!("status {}", status.as_str()));
                return Err(format!("GetCisScanReport returned {status}"));
            }
        }
    };
    let limits = presigned::Limits { bytes: LARGEST, within: amiproof_time::scaled(DOWNLOAD).max(SHORTEST_DOWNLOAD) };
    presigned::fetch(clients.transport(), &url, clients.endpoint(), path, limits)
        .await
        .map_err(|error| error.to_string())
}

async fn ask(
    clients: &Clients,
    scan_arn: &str,
    format: CisReportFormat,
) -> Result<(Option<CisReportStatus>, Option<String>), AwsError> {
    let answer = clients
        .read(|| async {
            let request = clients.inspector.get_cis_scan_report().scan_arn(scan_arn).report_format(format.clone());
            request.send().await.explain("GetCisScanReport", scan_arn)
        })
        .await?;
    Ok((answer.status, answer.url))
}
