//! Provisioning and cleanup against moto, an independent emulation of AWS: as a process, and in a container.
//!
//! `AMIPROOF_MOTO_SERVER` names the executable (else `moto_server` on the PATH), `AMIPROOF_MOTO_IMAGE` the image. Where one of them
//! is missing the test reports itself as ignored with the reason, unless `AMIPROOF_REQUIRE_MOTO` or `AMIPROOF_REQUIRE_DOCKER` is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue ends there")]

mod provisioning;

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{GenericImage, ImageExt as _};

use amiproof_core::transport::Transport;
use provisioning::World;

/// moto does everything at once, so waiting makes no sense.
const SPEED: f64 = 1000.0;
/// How long moto may take to start: Python imports much.
const START: Duration = Duration::from_secs(60);
/// An image of EKS by its name, which is all that a run sees of it before its nodes boot.
const NODE_IMAGE: &str = "amazon-eks-node-al2023-x86_64-standard-1.36-v20261101";

type Body = for<'a> fn(&'a World) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

const BODIES: [(&str, Body); 16] = [
    ("everything that is made is removed", |world| Box::pin(provisioning::everything_that_is_made_is_removed(world))),
    ("a ledger without a single answer is enough", |world| {
        Box::pin(provisioning::a_ledger_without_a_single_answer_is_enough(world))
    }),
    ("a cluster of the same name that another run made is left alone", |world| {
        Box::pin(provisioning::a_cluster_of_the_same_name_that_another_run_made_is_left_alone(world))
    }),
    ("what has expired is swept by its tags alone", |world| {
        Box::pin(provisioning::what_has_expired_is_swept_by_its_tags_alone(world))
    }),
    ("a provider goes with its run and those of others stay", |world| {
        Box::pin(provisioning::provider::a_provider_goes_with_its_run_and_those_of_others_stay(world))
    }),
    ("what only tags say the owner of is taken by its owner alone", |world| {
        Box::pin(provisioning::tagged::what_only_tags_say_the_owner_of_is_taken_by_its_owner_alone(world))
    }),
    ("an image is promoted followed and revoked", |world| {
        Box::pin(provisioning::promoted::an_image_is_promoted_followed_and_revoked(world))
    }),
    ("images of Image Builder are found by their tag", |world| {
        Box::pin(provisioning::images_of_image_builder_are_found_by_their_tag(world))
    }),
    ("a parameter of others stays", |world| Box::pin(provisioning::promoted::a_parameter_of_others_stays(world))),
    ("a key in KMS signs", |world| Box::pin(provisioning::promoted::a_key_in_kms_signs(world))),
    ("nights are kept in a bucket", |world| Box::pin(provisioning::history::nights_are_kept_in_a_bucket(world))),
    ("nights of a decade are all listed", |world| {
        Box::pin(provisioning::history::nights_of_a_decade_are_all_listed(world))
    }),
    ("two writers of a bucket lose nothing", |world| {
        Box::pin(provisioning::history::two_writers_of_a_bucket_lose_nothing(world))
    }),
    ("findings are sent in batches and updated by their ids", |world| {
        Box::pin(provisioning::findings::findings_are_sent_in_batches_and_updated_by_their_ids(world))
    }),
    ("a bucket that is not there is named", |world| {
        Box::pin(provisioning::history::a_bucket_that_is_not_there_is_named(world))
    }),
    ("what is missing is said with a suggestion", |world| {
        Box::pin(provisioning::what_is_missing_is_said_with_a_suggestion(world))
    }),
];

fn main() -> std::process::ExitCode {
    let mut arguments = Arguments::from_args();
    amiproof_time::set_scale(SPEED);
    // One account is shared, and sweep takes everything that has expired.
    arguments.test_threads = Some(1);
    let mut trials: Vec<Trial> = BODIES
        .into_iter()
        .map(|(name, body)| {
            Trial::ignorable_test(format!("server::{}", name.replace(' ', "_")), move || on_server(body))
        })
        .collect();
    trials.push(Trial::ignorable_test("container::everything_that_is_made_is_removed", in_container));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(Ok(server)) = SERVER.get() {
        server.stop();
    }
    conclusion.exit_code()
}

struct Server {
    child: Mutex<Child>,
    endpoint: String,
}

static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

impl Server {
    /// Starts moto on a free port and waits until it answers.
    fn start() -> Result<Self, String> {
        let program = std::env::var("AMIPROOF_MOTO_SERVER").unwrap_or_else(|_| "moto_server".to_owned());
        let port = free_port()?;
        let child = Command::new(&program)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| {
                format!("{program} cannot be started ({error}): install PyPI moto[server], or set AMIPROOF_MOTO_SERVER")
            })?;
        let server = Self { child: Mutex::new(child), endpoint: format!("http://127.0.0.1:{port}") };
        match wait_for_moto(&server.endpoint) {
            Ok(()) => Ok(server),
            Err(reason) => {
                server.stop();
                Err(format!("{program}: {reason}"))
            }
        }
    }

    fn stop(&self) {
        let mut child = self.child.lock().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

fn wait_for_moto(endpoint: &str) -> Result<(), String> {
    let until = Instant::now() + START;
    runtime().block_on(async {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        loop {
            let answer = client.get(format!("{endpoint}/moto-api/")).send().await;
            match answer {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                other if Instant::now() >= until => {
                    return Err(format!("no answer within {}s: {other:?}", START.as_secs()));
                }
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    })
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A reason to be ignored, unless the environment says that there must be none.
fn missing(reason: &str, required: &str) -> Result<Completion, Failed> {
    if std::env::var_os(required).is_some() {
        return Err(format!("{reason} ({required} is set)").into());
    }
    Ok(Completion::ignored_with(reason))
}

fn on_server(body: Body) -> Result<Completion, Failed> {
    match SERVER.get_or_init(Server::start) {
        Ok(server) => run(&server.endpoint, body),
        Err(reason) => missing(reason, "AMIPROOF_REQUIRE_MOTO"),
    }
}

fn run(endpoint: &str, body: Body) -> Result<Completion, Failed> {
    runtime().block_on(async {
        let world = World {
            endpoint: endpoint.to_owned(),
            transport: Transport::Sockets,
            parameter: "/amiproof/al2023".to_owned(),
            is_moto: true,
        };
        put_parameter(&world).await;
        body(&world).await;
    });
    Ok(Completion::Completed)
}

/// moto has no parameters of EKS, and does not let anyone make names below `/aws`.
async fn put_parameter(world: &World) {
    let clients = provisioning::connect(world).await;
    let request = clients.ssm.put_parameter().name(&world.parameter).value(node_image(&clients).await);
    request.r#type(aws_sdk_ssm::types::ParameterType::String).overwrite(true).send().await.unwrap();
}

/// The id of a node image. moto's images are plain Amazon Linux, which a run refuses, so this is a copy of one under the name of a
/// node image: moto's RegisterImage keeps no architecture, its CopyImage does.
async fn node_image(clients: &amiproof_core::aws::Clients) -> String {
    let copies = clients.ec2.describe_images().owners("self").filters(named(NODE_IMAGE)).send().await.unwrap();
    if let Some(copy) = copies.images().first() {
        return copy.image_id().unwrap().to_owned();
    }
    let plain = named("al2023-ami-*-x86_64");
    let images = clients.ec2.describe_images().owners("amazon").filters(plain).send().await.unwrap();
    let source = images.images().first().unwrap().image_id().unwrap();
    let request = clients.ec2.copy_image().name(NODE_IMAGE).source_image_id(source).source_region(clients.region());
    request.send().await.unwrap().image_id.unwrap()
}

fn named(pattern: &str) -> aws_sdk_ec2::types::Filter {
    aws_sdk_ec2::types::Filter::builder().name("name").values(pattern).build()
}

fn in_container() -> Result<Completion, Failed> {
    let image = std::env::var("AMIPROOF_MOTO_IMAGE").unwrap_or_else(|_| "motoserver/moto:latest".to_owned());
    let (name, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
    let runtime = runtime();
    let started = runtime.block_on(
        GenericImage::new(name, tag)
            .with_exposed_port(5000.tcp())
            .with_wait_for(WaitFor::seconds(0))
            .with_startup_timeout(START)
            .start(),
    );
    let container = match started {
        Ok(container) => container,
        Err(error) => return missing(&format!("no container of {image}: {error}"), "AMIPROOF_REQUIRE_DOCKER"),
    };
    let port = runtime.block_on(container.get_host_port_ipv4(5000))?;
    let endpoint = format!("http://127.0.0.1:{port}");
    wait_for_moto(&endpoint)?;
    let result = run(&endpoint, BODIES[0].1);
    runtime.block_on(container.rm())?;
    result
}
