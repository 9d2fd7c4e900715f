//! The SDK clients of one account and region, and how they are configured.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::TimeSource;
use aws_types::service_config::ServiceConfigKey;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::calls::{Calls, Counter};
use super::clock::{Clock, Skew};
use super::error::{AwsError, Class, Explain as _};
use super::recent::{DESCRIPTION, RecentAnswers, SeenOnline};
use super::{http, retry};
use crate::transport::{self, Transport};

/// At most this many CreateNodegroup and DeleteNodegroup calls in progress at once: EKS calls IAM for each, and parallel creates end in
/// CREATE_FAILED with IamThrottling (hashicorp/terraform-provider-aws#44853).
const NODE_GROUP_CHANGES: usize = 4;
/// At most this many describe calls in progress at once.
const READS: usize = 10;
/// Attempts of the SDK for a call that no function of [`retry`] repeats.
const ATTEMPTS: u32 = 5;
/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may pause: without a byte for this long it is given up.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// The most that one attempt may take, with signing and reading its answer. The slowest answers of AWS (a long list of Inspector's) take
/// seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);
/// The most that the first question of a run may take, with both of its attempts.
const PREFLIGHT_TIMEOUT: Duration = Duration::from_secs(12);
/// The most that its first attempt may take; one connection in a few is lost, and the second has the rest of the time.
const FIRST_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// How many sets of clients this process has had.
static INSTANCES: AtomicU64 = AtomicU64::new(0);

/// The operation that asks who is calling, and what it is about.
const CALLER: (&str, &str) = ("GetCallerIdentity", "the caller");

/// Which account, which region, and who answers.
#[derive(Clone, Default)]
pub struct Settings {
    /// The region; `None` for the profile's or the environment's.
    pub region: Option<String>,
    /// The profile of the shared configuration files.
    pub profile: Option<String>,
    /// Whether credentials come from the profile alone, and keys in the environment do not count: what `--profile` means to the aws CLI.
    pub only_profile: bool,
    /// The endpoint that replaces AWS (the lab, moto); `None` for AWS, or for `AWS_ENDPOINT_URL` if it is set.
    pub endpoint: Option<String>,
    /// Fixed credentials instead of the provider chain: access key id and secret. For the embedded lab, which takes any; with
    /// them, configuration files are not read.
    pub credentials: Option<(String, String)>,
    /// How clients connect.
    pub transport: Transport,
}

/// Without the secret.
impl std::fmt::Debug for Settings {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Settings")
            .field("region", &self.region)
            .field("profile", &self.profile)
            .field("endpoint", &self.endpoint)
            .field("has_credentials", &self.credentials.is_some())
            .finish_non_exhaustive()
    }
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
    transport: Transport,
    clock: Clock,
    counter: Counter,
    recent: RecentAnswers,
    online: SeenOnline,
    provider_changes: tokio::sync::Mutex<()>,
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
    /// Builds the clients. Calls no API, so nothing is retried: [`Clients::whoami`] makes the first request.
    ///
    /// # Errors
    /// If no region is known.
    pub async fn connect(settings: Settings) -> Result<Self, AwsError> {
        let transport = settings.transport.clone();
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
        let (clock, counter) = (Clock::default(), Counter::default());
        let instance = INSTANCES.fetch_add(1, Ordering::Relaxed);
        // Every client reads the clock of AWS, is counted, and sends a request once if `retry` repeats it. The SDK keeps its
        // throttling state per partition name for the whole process; a name of their own keeps these clients apart
        // from those of another account or simulation.
        macro_rules! client {
            ($sdk:ident) => {
                $sdk::Client::from_conf(
                    $sdk::config::Builder::from(&config)
                        .interceptor(clock.clone())
                        .interceptor(counter.of(stringify!($sdk)))
                        .interceptor(retry::OneAttempt)
                        .retry_partition($sdk::config::retry::RetryPartition::new(format!(
                            "{} {instance}",
                            stringify!($sdk)
                        )))
                        .build(),
                )
            };
        }
        let shared = Shared {
            given_endpoint,
            region,
            transport,
            clock: clock.clone(),
            counter: counter.clone(),
            recent: RecentAnswers::default(),
            online: SeenOnline::default(),
            provider_changes: tokio::sync::Mutex::default(),
            node_group_changes: Semaphore::new(NODE_GROUP_CHANGES),
            reads: Semaphore::new(READS),
            config: config.clone(),
        };
        Ok(Self {
            autoscaling: client!(aws_sdk_autoscaling),
            cloudformation: client!(aws_sdk_cloudformation),
            ec2: client!(aws_sdk_ec2),
            ecr: client!(aws_sdk_ecr),
            eks: client!(aws_sdk_eks),
            elb: client!(aws_sdk_elasticloadbalancingv2),
            guardduty: client!(aws_sdk_guardduty),
            iam: client!(aws_sdk_iam),
            inspector: client!(aws_sdk_inspector2),
            ssm: client!(aws_sdk_ssm),
            sts: client!(aws_sdk_sts),
            shared: Arc::new(shared),
        })
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.shared.region
    }

    /// The endpoint that replaces AWS; `None` for AWS itself.
    pub fn endpoint(&self) -> Option<&str> {
        self.shared.config.endpoint_url()
    }

    /// How clients connect.
    pub fn transport(&self) -> &Transport {
        &self.shared.transport
    }

    /// The first question of every run: who is calling. It needs no permission, and finds missing credentials, an endpoint that does not
    /// answer and a wrong clock in at most 12 seconds and two attempts.
    ///
    /// # Errors
    /// [`Class::Credentials`], [`Class::Unreachable`], [`Class::Clock`], or what STS says. At most two attempts.
    pub async fn preflight(&self) -> Result<Identity, AwsError> {
        let until = tokio::time::Instant::now() + PREFLIGHT_TIMEOUT;
        let first = tokio::time::timeout(FIRST_ATTEMPT_TIMEOUT, retry::attempt(|| self.ask_who())).await;
        match first {
            Ok(Err(error)) if error.is_infrastructure() || error.class == Class::Clock => {}
            Ok(answer) => return answer,
            // A credentials provider that did not answer is not asked again: it may be waiting for its user.
            Err(_) if !self.shared.clock.has_signed() => return Err(self.no_answer(FIRST_ATTEMPT_TIMEOUT)),
            Err(_) => {}
        }
        let second = tokio::time::timeout_at(until, retry::attempt(|| self.ask_who())).await;
        second.unwrap_or_else(|_| Err(self.no_answer(PREFLIGHT_TIMEOUT)))
    }

    fn no_answer(&self, within: Duration) -> AwsError {
        let seconds = within.as_secs();
        let (class, message) = if self.shared.clock.has_signed() {
            (Class::Unreachable, format!("no answer within {seconds} s"))
        } else {
            (Class::Credentials, format!("the credentials provider did not answer within {seconds} s"))
        };
        AwsError::new(class, CALLER.0, CALLER.1, message)
    }

    async fn ask_who(&self) -> Result<Identity, AwsError> {
        let answer = self.sts.get_caller_identity().send().await.explain(CALLER.0, CALLER.1)?;
        Ok(Identity {
            account: answer.account().unwrap_or_default().to_owned(),
            arn: answer.arn().unwrap_or_default().to_owned(),
        })
    }

    /// Asks STS who is calling, in the middle of a run: it needs no permission.
    ///
    /// # Errors
    /// When there are no valid credentials, or STS cannot be reached; the latter is tried again first.
    pub async fn whoami(&self) -> Result<Identity, AwsError> {
        self.read(|| self.ask_who()).await
    }

    /// Counts a request that is sent without an SDK.
    pub(super) fn count(&self, service: &'static str, operation: &str) {
        self.shared.counter.add(service, operation);
    }

    /// An answer that parts of a run share, at most five minutes old. `ask` makes the request; if several callers want the same answer at the same time, only
    /// one of them calls it.
    ///
    /// # Errors
    /// Those of `ask`.
    pub(crate) async fn shared_answer<V, Fut>(
        &self,
        about: (&'static str, &str),
        ask: impl FnOnce() -> Fut,
    ) -> Result<V, AwsError>
    where
        V: Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<V, AwsError>>,
    {
        self.shared.recent.get(about, DESCRIPTION, ask).await
    }

    /// Forgets what [`Self::shared_answer`] keeps, so that the next caller asks.
    pub(crate) fn forget_answer(&self, about: (&'static str, &str)) {
        self.shared.recent.forget(about);
    }

    /// Answers that parts of a run share.
    pub(super) fn recent(&self) -> &RecentAnswers {
        &self.shared.recent
    }

    /// Which agents were seen online.
    pub(super) fn online(&self) -> &SeenOnline {
        &self.shared.online
    }

    /// Waits for the one permit to create an OpenID Connect provider: variants that need the provider of their cluster at the same time create it only once.
    pub(crate) async fn provider_permit(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.shared.provider_changes.lock().await
    }

    /// What was sent to AWS so far.
    pub fn calls(&self) -> Calls {
        self.shared.counter.calls()
    }

    /// How wrong this machine's clock is by the answers so far; `None` when it is right enough.
    pub fn clock_skew(&self) -> Option<Skew> {
        self.shared.clock.skew()
    }

    /// The current time, by the clock of AWS if this machine's is wrong: for values that others compare with their
    /// own clocks, such as expiry tags and tokens.
    pub fn now(&self) -> jiff::Timestamp {
        self.shared.clock.now()
    }

    /// The current credentials, refreshed through the provider chain if they are about to expire. Providers that call a service (SSO, STS,
    /// the instance metadata service) retry by themselves.
    ///
    /// # Errors
    /// [`Class::Credentials`] if no provider has any.
    pub(crate) async fn credentials(&self) -> Result<Credentials, AwsError> {
        use aws_credential_types::provider::ProvideCredentials as _;
        let none = |message: String| AwsError::new(Class::Credentials, "sign", "the configured credentials", message);
        let Some(provider) = self.shared.config.credentials_provider() else {
            return Err(none("no credentials provider is configured".to_owned()));
        };
        provider.provide_credentials().await.map_err(|error| none(super::cause::of(&error).message))
    }

    /// The endpoint of STS where it is overridden.
    pub(crate) fn sts_endpoint(&self) -> Option<String> {
        self.endpoint_of("STS")
    }

    /// The endpoint of a service where it is overridden: by argument, `AWS_ENDPOINT_URL_<SERVICE>` or `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint_of(&self, service: &'static str) -> Option<String> {
        if let Some(endpoint) = &self.shared.given_endpoint {
            return Some(endpoint.clone());
        }
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build()
            .ok()?;
        let own = self.shared.config.service_config().and_then(|configured| configured.load_config(key));
        own.or_else(|| self.endpoint().map(str::to_owned))
    }

    /// Makes a read, and retries it on throttling, 5xx and connection errors: [`super::retry::read`].
    ///
    /// # Errors
    /// The last [`AwsError`].
    pub(crate) async fn read<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, AwsError>
    where
        Fut: Future<Output = Result<T, AwsError>>,
    {
        retry::read(call).await
    }

    /// As [`Self::read`], for a write that changes nothing when it is repeated: [`super::retry::write_idempotent`].
    ///
    /// # Errors
    /// The last [`AwsError`].
    pub(crate) async fn write_idempotent<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, AwsError>
    where
        Fut: Future<Output = Result<T, AwsError>>,
    {
        retry::write_idempotent(call).await
    }

    /// Makes a write that must not arrive twice. If its answer is lost, `find` looks for the result before the write is retried:
    /// [`super::retry::write_or_find`].
    ///
    /// # Errors
    /// The last [`AwsError`] of the write or of `find`.
    pub(crate) async fn write_or_find<T, Written, Found>(
        &self,
        write: impl FnMut() -> Written,
        find: impl FnMut() -> Found,
    ) -> Result<T, AwsError>
    where
        Written: Future<Output = Result<T, AwsError>>,
        Found: Future<Output = Result<Option<T>, AwsError>>,
    {
        retry::write_or_find(write, find).await
    }

    /// As [`Self::write_idempotent`], and also retried while something else still uses the resource: [`super::retry::until_free`].
    ///
    /// # Errors
    /// The last [`AwsError`].
    pub(crate) async fn until_free<T, Fut>(&self, call: impl FnMut() -> Fut) -> Result<T, AwsError>
    where
        Fut: Future<Output = Result<T, AwsError>>,
    {
        retry::until_free(call).await
    }

    /// Waits for one of the permits for calls that change node groups, which limit how many a run makes at once. The permit is returned
    /// when it is dropped.
    pub(crate) async fn node_group_permit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there always is a place in the end.
        self.shared.node_group_changes.acquire().await.ok()
    }

    /// Waits for one of the permits for concurrent reads. The permit is returned when it is dropped.
    pub(crate) async fn read_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.shared.reads.acquire().await.ok()
    }

    /// Sleeps for one polling interval.
    pub(crate) async fn pause(&self, interval: Duration) {
        amiproof_time::sleep(interval).await;
    }
}

/// The time that requests are signed with.
#[derive(Debug)]
struct Now;

impl TimeSource for Now {
    fn now(&self) -> SystemTime {
        amiproof_time::system_now()
    }
}

async fn load(settings: Settings) -> SdkConfig {
    // Adaptive mode also keeps a client within the rate that AWS gives an account, once a service has throttled it. What stands in for AWS at
    // an endpoint of its own has no such rate. Every pause is jittered either way.
    let is_stand_in = settings.endpoint.is_some() && matches!(settings.transport, Transport::Sockets);
    let retries = if is_stand_in { RetryConfig::standard() } else { RetryConfig::adaptive() };
    let retries = retries
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(Duration::from_secs(1))
        .with_max_backoff(Duration::from_secs(20));
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries)
        .timeout_config(timeouts)
        .time_source(Now)
        .http_client(match &settings.transport {
            Transport::Sockets => http::client(),
            Transport::Memory(network) => transport::sdk_client(network),
        })
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Ok(name) = AppName::new("amiproof") {
        loader = loader.app_name(name);
    }
    if let Some(region) = settings.region {
        loader = loader.region(Region::new(region));
    }
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
        if settings.only_profile {
            loader =
                loader.credentials_provider(ProfileFileCredentialsProvider::builder().profile_name(profile).build());
        }
    }
    if let Some(endpoint) = settings.endpoint {
        loader = loader.endpoint_url(endpoint);
    }
    if let Some((key, secret)) = settings.credentials {
        let credentials = Credentials::new(key, secret, None, None, "amiproof");
        // These credentials are for a lab, to which no AWS settings of the environment apply.
        loader = loader
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .profile_files(no_profile_files())
            .profile_name("default")
            .use_fips(false)
            .use_dual_stack(false);
    }
    loader.load().await
}

/// An empty file, because a set of none is refused.
#[expect(deprecated, reason = "the names that are not deprecated are in a crate of the SDK's internals")]
fn no_profile_files() -> aws_config::profile::profile_file::ProfileFiles {
    use aws_config::profile::profile_file::{ProfileFileKind, ProfileFiles};
    ProfileFiles::builder().with_contents(ProfileFileKind::Config, "").build()
}
