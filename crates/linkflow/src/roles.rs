//! The roles of a cluster: `linkflow api`, `worker` and `scheduler`, and `linkflow migrate`. They
//! share a database, which holds the truth, and a queue, which says where to look. Each of them may
//! die at any time. What they do is in the runtime and the API; here they are put together.

use std::net::SocketAddr;

use anyhow::Context;
use linkflow_api::{Api, serve as serve_api, serve_health};
use linkflow_queue::{
    Clock, Election, ElectionSettings, Queue, RedisQueue, Settings as QueueSettings, Weights,
};
use linkflow_runtime::Shell;
use linkflow_store::{PgOptions, Store};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::args::{Migrate, RoleArgs};
use crate::serve::{Place, assemble, ended, listen};
use crate::settings::{Given, Origin, Settings, Values};
use crate::wiring::{follow_clock, now};

/// The share of a partition's queue, that of `default` in the usual priorities.
const PARTITION_WEIGHT: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Api,
    Worker,
    Scheduler,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::Api => "api",
            Role::Worker => "worker",
            Role::Scheduler => "scheduler",
        }
    }

    /// Where it listens when nobody says so.
    fn port(self) -> &'static str {
        match self {
            Role::Api => "8090",
            Role::Worker => "8091",
            Role::Scheduler => "8092",
        }
    }
}

/// What a role stands on.
struct Ground {
    settings: Settings,
    store: Store,
    shell: Shell,
    api: Api,
    listener: TcpListener,
    address: SocketAddr,
}

pub fn migrate(args: &Migrate) -> anyhow::Result<u8> {
    let settings = Settings::read(&args.settings.given())?;
    let url = settings.database_direct_url.as_deref().or(settings.database_url.as_deref());
    linkflow_store::migrate(needed(url, "DATABASE_URL", "migrate")?)?;
    eprintln!("The tables are up to date.");
    Ok(0)
}

pub fn api(args: &RoleArgs) -> anyhow::Result<u8> {
    play(Role::Api, args, async |ground, end| {
        let Ground { shell, api, listener, store, .. } = ground;
        let answering = tokio::spawn({
            let (shell, stop) = (shell.clone(), end.done.clone());
            async move { shell.answer(stop).await }
        });
        serve_api(listener, api, end.asked.cancelled_owned()).await?;
        end.done.cancel();
        answering.await.context("answering ended badly")?;
        leave(&shell, &store).await;
        Ok(())
    })
}

pub fn worker(args: &RoleArgs) -> anyhow::Result<u8> {
    play(Role::Worker, args, async |ground, end| {
        let Ground { settings, shell, api, listener, store, .. } = ground;
        let health = tokio::spawn(serve_health(listener, api, end.done.clone().cancelled_owned()));
        shell.drive(end.asked, settings.shutdown_grace_seconds * 1_000).await;
        leave(&shell, &store).await;
        end.done.cancel();
        health.await.context("the health port ended badly")??;
        Ok(())
    })
}

pub fn scheduler(args: &RoleArgs) -> anyhow::Result<u8> {
    play(Role::Scheduler, args, async |ground, end| {
        let Ground { settings, shell, api, listener, store, .. } = ground;
        let health = tokio::spawn(serve_health(listener, api, end.done.clone().cancelled_owned()));
        let election = Election::stand(ElectionSettings {
            url: settings.redis_url.clone().unwrap_or_default(),
            ca_certificate: None,
            key: settings.leader_election_key.clone(),
            ttl: settings.leader_ttl,
        })
        .await?;
        // Without Redis there is no election, and all of them work: the store lets nothing happen
        // twice, an election only spares the others the trouble.
        let leads = || {
            let leads = election.is_leader() || !shell.is_queue_up();
            metrics::gauge!("linkflow_leader").set(f64::from(u8::from(leads)));
            leads
        };
        tokio::join!(shell.lead(end.asked.clone(), leads), shell.measure_queue(end.asked.clone()));
        election.resign().await;
        leave(&shell, &store).await;
        end.done.cancel();
        health.await.context("the health port ended badly")??;
        Ok(())
    })
}

async fn leave(shell: &Shell, store: &Store) {
    shell.close_queue().await;
    store.close().await;
}

/// The end of a process, in two steps.
struct End {
    /// No new work from now on.
    asked: CancellationToken,
    /// Nothing more is to be done.
    done: CancellationToken,
}

/// Plays a role until the process is asked to end.
fn play(
    role: Role,
    args: &RoleArgs,
    work: impl AsyncFnOnce(Ground, End) -> anyhow::Result<()>,
) -> anyhow::Result<u8> {
    let settings = Settings::read(&given(role, args))?;
    crate::log::begin(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let ground = ground(role, settings).await?;
        let end = End { asked: CancellationToken::new(), done: CancellationToken::new() };
        let (asked, api) = (end.asked.clone(), ground.api.clone());
        tokio::spawn(async move {
            ended().await;
            api.leave();
            asked.cancel();
        });
        let version = env!("CARGO_PKG_VERSION");
        let ready = format!("Linkflow {version} {} is ready at http://{}", role.name(), ground.address);
        crate::log::say(&ground.settings, &ready);
        work(ground, end).await
    })?;
    Ok(0)
}

/// What the command line says, with the role's own port where nobody names one.
fn given(role: Role, args: &RoleArgs) -> Given {
    let mut given = args.settings.given();
    if Values::of(&given).row("port").origin == Origin::Default {
        given.values.insert("port", role.port().to_owned());
    }
    if role == Role::Api && Values::of(&given).row("shutdown_drain_seconds").origin == Origin::Default {
        given.values.insert("shutdown_drain_seconds", "2".to_owned());
    }
    given
}

fn needed<'a>(url: Option<&'a str>, name: &str, command: &str) -> anyhow::Result<&'a str> {
    url.with_context(|| {
        format!(
            "`{name}` is not given, and `linkflow {command}` is part of a cluster; set it, or run `linkflow serve` \
             for a server on its own"
        )
    })
}

async fn ground(role: Role, settings: Settings) -> anyhow::Result<Ground> {
    let metrics = crate::metrics::install(role.name())?;
    let store = store_of(&settings, role.name())?;
    follow_clock(&store).await;
    let queue = queue_of(&settings, role).await?;
    let listener = listen(&settings).await?;
    let address = listener.local_addr()?;
    let place = Place { address, own_machine: false };
    let (shell, api) = assemble(&settings, &store, queue, settings.queue_partitions, place, metrics).await?;
    Ok(Ground { settings, store, shell, api, listener, address })
}

/// The store of a cluster, on PostgreSQL.
pub fn store_of(settings: &Settings, command: &str) -> anyhow::Result<Store> {
    let url = needed(settings.database_url.as_deref(), "DATABASE_URL", command)?;
    let mut options = PgOptions::new(url, &settings.data_dir);
    options.direct_url = settings.database_direct_url.clone();
    options.replica_urls = settings.database_replica_urls.clone();
    Ok(Store::connect(options)?)
}

async fn queue_of(settings: &Settings, role: Role) -> anyhow::Result<Queue> {
    let mut queue = QueueSettings::new(needed(settings.redis_url.as_deref(), "REDIS_URL", role.name())?);
    queue.is_worker = role == Role::Worker;
    queue.clock = Clock::Told(now);
    queue.concurrency = u32::try_from(settings.worker_concurrency).unwrap_or(u32::MAX);
    match &settings.queue_name {
        Some(only) => queue.queues = Weights::only(only.clone()),
        None => {
            queue.queues = settings.queue_priorities.clone();
            // Whether or not there are partitions now: what was left in one is found.
            queue.partitions = Some(PARTITION_WEIGHT);
        }
    }
    Ok(Queue::Redis(RedisQueue::open(queue).await.context("`REDIS_URL`")?))
}
