//! The SDK clients of one account and region, and how they are configured.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{AwsError, Class, Explain as _};
use super::retry;
use crate::pace::Pace;

/// At most so many CreateNodegroup and DeleteNodegroup calls under way at once: EKS calls IAM for each, and parallel creates end in
/// CREATE_FAILED with IamThrottling (hashicorp/terraform-provider-aws#44853).
const NODE_GROUP_CHANGES: usize = 4;
/// At most so many describe calls under way at once.
const READS: usize = 10;
/// Attempts of the SDK for each call.
const ATTEMPTS: u32 = 8;

/// Which account, which region, and who answers.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The region; `None` for the profile's or the environment's.
    pub region: Option<String>,
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// What stands in for AWS (the lab, moto); `None` for AWS, or for `AWS_ENDPOINT_URL` where it is set.
    pub endpoint: Option<String>,
    /// Fixed credentials instead of the provider chain: access key id and secret. For the embedded lab, which takes any; with
    /// them, configuration files are not read.
    pub credentials: Option<(String, String)>,
    /// How patient polling and retries are.
    pub pace: Pace,
}

/// The SDK clients of one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Auto Scaling.
    pub autoscaling: aws_sdk_autoscaling::Client,
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// ECR.
    pub ecr: aws_sdk_ecr::Client,
    /// EKS.
    pub eks: aws_sdk_eks::Client,
    /// Elastic Load Balancing: application and network load balancers.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// GuardDuty.
    pub guardduty: aws_sdk_guardduty::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Inspector.
    pub inspector: aws_sdk_inspector2::Client,
    /// Systems Manager.
    pub ssm: aws_sdk_ssm::Client,
    /// STS.
    pub sts: aws_sdk_sts::Client,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    config: SdkConfig,
    given_endpoint: Option<String>,
    region: String,
    pace: Pace,
    node_group_changes: Semaphore,
    reads: Semaphore,
}

/// Who is calling, as STS says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account, 12 digits.
    pub account: String,
    /// The caller's ARN.
    pub arn: String,
}

impl Clients {
    /// Builds the clients. Calls no API: [`Clients::whoami`] does.
    ///
    /// # Errors
    /// When no region is known.
    pub async fn connect(settings: Settings) -> Result<Self, AwsError> {
        let pace = settings.pace;
        let given_endpoint = settings.endpoint.clone();
        let config = load(settings).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(AwsError::new(
                Class::Request,
                "connect",
                "AWS",
                "no region is configured: set `cluster.region` in the matrix, or AWS_REGION",
            ));
        };
        let shared = Shared {
            given_endpoint,
            region,
            pace,
            node_group_changes: Semaphore::new(NODE_GROUP_CHANGES),
            reads: Semaphore::new(READS),
            config: config.clone(),
        };
        Ok(Self {
            autoscaling: aws_sdk_autoscaling::Client::new(&config),
            cloudformation: aws_sdk_cloudformation::Client::new(&config),
            ec2: aws_sdk_ec2::Client::new(&config),
            ecr: aws_sdk_ecr::Client::new(&config),
            eks: aws_sdk_eks::Client::new(&config),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
            guardduty: aws_sdk_guardduty::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            inspector: aws_sdk_inspector2::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            sts: aws_sdk_sts::Client::new(&config),
            shared: Arc::new(shared),
        })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// What stands in for AWS; `None` for AWS itself.
    pub fn endpoint(&self) -> Option<&str> {
        self.shared.config.endpoint_url()
    }

    /// How patient polling is.
    pub fn pace(&self) -> Pace {
        self.shared.pace
    }

    /// Asks STS who is calling: the first call of every run, because it needs no permission and finds expired credentials.
    ///
    /// # Errors
    /// When there are no valid credentials, or STS cannot be reached.
    pub async fn whoami(&self) -> Result<Identity, AwsError> {
        let answer = self
            .patiently(|| async {
                self.sts.get_caller_identity().send().await.explain("GetCallerIdentity", "the configured credentials")
            })
            .await?;
        Ok(Identity {
            account: answer.account().unwrap_or_default().to_owned(),
            arn: answer.arn().unwrap_or_default().to_owned(),
        })
    }

    /// The credentials as they are now, refreshed through the provider chain where they are about to expire.
    pub(crate) async fn credentials(&self) -> Result<Credentials, AwsError> {
        use aws_credential_types::provider::ProvideCredentials as _;
        let none = |message: String| AwsError::new(Class::Credentials, "sign", "the configured credentials", message);
        let Some(provider) = self.shared.config.credentials_provider() else {
            return Err(none("no credentials provider is configured".to_owned()));
        };
        provider.provide_credentials().await.map_err(|error| none(error.to_string()))
    }

    /// The endpoint of STS where it is overridden: by argument, `AWS_ENDPOINT_URL_STS` or `AWS_ENDPOINT_URL`.
    pub(crate) fn sts_endpoint(&self) -> Option<String> {
        if let Some(endpoint) = &self.shared.given_endpoint {
            return Some(endpoint.clone());
        }
        let key = ServiceConfigKey::builder()
            .service_id("STS")
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        let own = self.shared.config.service_config().and_then(|configured| configured.load_config(key));
        own.or_else(|| self.endpoint().map(str::to_owned))
    }

    /// Repeats a call while AWS throttles or is out of order, longer than the SDK does.
    pub(crate) async fn patiently<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, AwsError>
    where
        Fut: Future<Output = Result<T, AwsError>>,
    {
        retry::patiently(self.pace(), call).await
    }

    /// As `patiently`, and also while something else still uses the resource.
    pub(crate) async fn until_free<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, AwsError>
    where
        Fut: Future<Output = Result<T, AwsError>>,
    {
        retry::until_free(self.pace(), call).await
    }

    /// Waits for one of the few places for calls that change node groups.
    pub(crate) async fn node_group_place(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there always is a place in the end.
        self.shared.node_group_changes.acquire().await.ok()
    }

    /// Waits for one of the places for calls that only read.
    pub(crate) async fn read_place(&self) -> Option<SemaphorePermit<'_>> {
        self.shared.reads.acquire().await.ok()
    }

    /// Waits one polling interval of the real world.
    pub(crate) async fn pause(&self, interval: Duration) {
        tokio::time::sleep(self.pace().of(interval)).await;
    }
}

async fn load(settings: Settings) -> SdkConfig {
    let pace = settings.pace;
    // Adaptive mode also slows the client down while a service throttles it, in real time: where time runs faster, that would be the
    // longest part of a run. Every pause is jittered either way.
    let retries = if pace == Pace::REAL { RetryConfig::adaptive() } else { RetryConfig::standard() };
    let retries = retries
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(pace.of(Duration::from_secs(1)))
        .with_max_backoff(pace.of(Duration::from_secs(20)));
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(10)).read_timeout(Duration::from_secs(60)).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries)
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Ok(name) = AppName::new("amiproof") {
        loader = loader.app_name(name);
    }
    if let Some(region) = settings.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = settings.credentials {
        let credentials = Credentials::new(key, secret, None, None, "amiproof");
        loader =
            loader.credentials_provider(SharedCredentialsProvider::new(credentials)).profile_files(no_profile_files());
    }
    loader.load().await
}

/// An empty file, because a set of none is refused.
#[expect(deprecated, reason = "the names that are not deprecated are in a crate of the SDK's internals")]
fn no_profile_files() -> aws_config::profile::profile_file::ProfileFiles {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    ProfileFiles::builder().with_contents(ProfileFileKind::Config, "").build()
}
