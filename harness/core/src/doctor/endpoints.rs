//! Whether this machine can reach the endpoints of the AWS services that a run calls, through the proxy of the environment. It needs no
//! permission: any HTTP response, also an error, shows that the endpoint is reachable.

use std::time::Duration;

use futures::future::join_all;

use super::Finding;
use crate::aws::{Clients, partition};

/// Timeout of a request to one endpoint.
const WITHIN: Duration = Duration::from_secs(10);
const CHECK: &str = "endpoints";

/// Host name prefixes of the regional endpoints ([AWS General
/// Reference](https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html)).
const REGIONAL: [&str; 12] = [
    "api.ecr",
    "autoscaling",
    "cloudformation",
    "ec2",
    "eks",
    "elasticloadbalancing",
    "guardduty",
    "inspector2",
    "logs",
    "servicequotas",
    "ssm",
    "sts",
];

/// Requests all endpoints concurrently. With `--endpoint-url` there is one for all services, and it has answered already. Requests are not
/// retried.
pub async fn examine(clients: &Clients) -> Vec<Finding> {
    if let Some(endpoint) = clients.endpoint() {
        return vec![Finding::ok(CHECK, format!("{endpoint} answers for every service"))];
    }
    let hosts = hosts(clients.region());
    let answers = join_all(hosts.iter().map(|host| reach(format!("https://{host}/")))).await;
    let silent: Vec<Finding> = hosts
        .iter()
        .zip(answers)
        .filter_map(|(host, answer)| {
            let why = answer.err()?;
            let help = "let this machine reach it: check the network, VPN and proxy settings (HTTPS_PROXY, NO_PROXY)";
            Some(Finding::problem(CHECK, format!("{host} does not answer: {why}"), help))
        })
        .collect();
    if silent.is_empty() {
        vec![Finding::ok(CHECK, format!("{} service endpoints answer in {}", hosts.len(), clients.region()))]
    } else {
        silent
    }
}

/// The endpoints of a region, and the one of IAM, which is per partition.
fn hosts(region: &str) -> Vec<String> {
    let partition = partition::of(region);
    let iam = match partition.name {
        "aws" => "iam.amazonaws.com".to_owned(),
        "aws-cn" => "iam.cn-north-1.amazonaws.com.cn".to_owned(),
        "aws-us-gov" => "iam.us-gov.amazonaws.com".to_owned(),
        _ => String::new(),
    };
    let regional = REGIONAL.iter().map(|service| format!("{service}.{region}.{}", partition.domain));
    regional.chain([iam]).filter(|host| !host.is_empty()).collect()
}

/// Succeeds on any HTTP response, whatever its status.
async fn reach(url: String) -> Result<(), String> {
    let message = |error: reqwest::Error| crate::aws::cause::chain(&error.without_url());
    let client = reqwest::Client::builder().timeout(WITHIN).build().map_err(message)?;
    client.get(url).send().await.map(drop).map_err(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_has_its_own_hosts() {
        let of = |region| hosts(region).join(" ");
        assert!(
            of("eu-central-1").contains("eks.eu-central-1.amazonaws.com ")
                && of("eu-central-1").ends_with(" iam.amazonaws.com")
        );
        assert!(of("cn-north-1").contains("ssm.cn-north-1.amazonaws.com.cn "));
        assert!(of("us-gov-west-1").ends_with("iam.us-gov.amazonaws.com"));
    }

    #[tokio::test]
    async fn any_answer_is_one_and_none_says_why() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_ne!(stream.read(&mut [0; 4096]).await.unwrap(), 0, "a request");
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n").await.unwrap();
        });
        assert_eq!(reach(url).await, Ok(()));
        let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", closed.local_addr().unwrap());
        drop(closed);
        assert!(reach(url).await.unwrap_err().contains("refused"));
    }
}
