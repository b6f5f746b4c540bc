//! What a process of a cluster stands on: PostgreSQL, perhaps behind a pooler, and Redis.

use linkflow_queue::RedisLook;
use linkflow_store::{ServerLook, StoreError};

use super::{Check, broken, ok, warning};
use super::{of_data_dir, of_key, of_page, of_sandbox, of_settings, of_space};
use crate::settings::{Settings, Values};

/// A follower that is further behind is of little use to take over.
const LAG_MS_HIGH: u64 = 10_000;

pub fn checks(values: &Values, settings: &Settings) -> Vec<Check> {
    let dir = &settings.data_dir;
    let url = settings.database_url.as_deref().unwrap_or_default();
    let database = linkflow_store::look_at(url);
    let key_ids = database.as_ref().map_or(&[][..], |seen| seen.key_ids.as_slice());
    let mut checks = vec![of_settings(values), of_data_dir(dir), of_space(dir), of_postgres(&database)];
    if let Ok(seen) = &database {
        checks.extend([of_pooler(url, seen), of_followers(seen)]);
    }
    if let Some(direct) = &settings.database_direct_url {
        checks.push(of_direct(linkflow_store::look_at(direct)));
    }
    checks.push(of_redis(settings));
    checks.extend([of_key(settings, key_ids), of_sandbox(), of_page()]);
    checks
}

fn of_postgres(seen: &Result<ServerLook, StoreError>) -> Check {
    let known = linkflow_store::known_schema();
    let seen = match seen {
        Ok(seen) => seen,
        Err(error) => {
            let todo = "start PostgreSQL, or put DATABASE_URL right: its host, port, user and database";
            return broken("postgres", error.to_string(), todo);
        }
    };
    let found = format!("PostgreSQL {}, tables of version {}", seen.version, seen.schema);
    if seen.is_replica {
        let todo = "name the primary in DATABASE_URL, or several hosts with target_session_attrs=read-write";
        return broken("postgres", format!("{found}; it is a replica, and takes no writes"), todo);
    }
    match seen.schema.cmp(&known) {
        std::cmp::Ordering::Less => {
            let todo = "run `linkflow migrate`; roles that start do it as well";
            warning("postgres", format!("{found}; this program needs {known}"), todo)
        }
        std::cmp::Ordering::Equal => ok("postgres", found),
        std::cmp::Ordering::Greater => {
            broken("postgres", format!("{found}; this program knows {known}"), "run the newer linkflow")
        }
    }
}

fn of_pooler(url: &str, seen: &ServerLook) -> Check {
    let asked = port_of(url);
    match seen.port {
        Some(port) if asked != port => {
            let found = format!("there is one: {asked} leads to a server at {port}");
            ok("pooler", format!("{found}; it must be in the mode `transaction` or `session`"))
        }
        _ => ok("pooler", "there is none between"),
    }
}

/// The port of the first host.
fn port_of(url: &str) -> u16 {
    let hosts = url.split_once("://").map_or(url, |(_, rest)| rest);
    let hosts = hosts.split('/').next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
    let first = hosts.split(',').next().unwrap_or_default();
    first.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(5432)
}

fn of_followers(seen: &ServerLook) -> Check {
    let shown: Vec<String> = seen
        .followers
        .iter()
        .map(|f| {
            let how = if f.is_synchronous { "synchronous" } else { "asynchronous" };
            format!("{} is {how}, {}, {} ms behind", f.name, f.state, f.lag_ms)
        })
        .collect();
    if shown.is_empty() {
        let todo = "with a synchronous standby, what was accepted survives the loss of the primary";
        return warning("standby", "no server follows the primary", todo);
    }
    if seen.followers.iter().any(|f| f.lag_ms > LAG_MS_HIGH || f.state != "streaming") {
        return warning("standby", shown.join("; "), "look at the network and the disk of those that lag");
    }
    ok("standby", shown.join("; "))
}

fn of_direct(seen: Result<ServerLook, StoreError>) -> Check {
    match seen {
        Ok(_) => ok("direct", "DATABASE_DIRECT_URL answers"),
        Err(error) => {
            broken("direct", error.to_string(), "put DATABASE_DIRECT_URL right; migrations go by it")
        }
    }
}

fn of_redis(settings: &Settings) -> Check {
    let Some(url) = &settings.redis_url else {
        return broken("redis", "REDIS_URL is not given", "set it; workers hear of work by it");
    };
    let asked = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let seen = match asked {
        Ok(runtime) => runtime.block_on(linkflow_queue::look_at(url)).map_err(|e| e.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match seen {
        Err(error) => {
            let todo = "start Redis, or put REDIS_URL right; meanwhile workers ask PostgreSQL, slower";
            broken("redis", error, todo)
        }
        Ok(seen) => of_redis_seen(&seen),
    }
}

fn of_redis_seen(seen: &RedisLook) -> Check {
    let kept = match (seen.has_log, seen.has_pictures) {
        (true, _) => "it logs every change",
        (false, true) => "it saves a copy now and then",
        (false, false) => "it keeps nothing on disk",
    };
    let found = format!("Redis {}, replicas: {}, {kept}", seen.version, seen.n_replicas);
    if seen.health.is_evicting {
        let todo = "set maxmemory-policy to noeviction";
        return warning("redis", format!("{found}; it throws keys away when it is full"), todo);
    }
    if !seen.has_log && !seen.has_pictures {
        let todo =
            "set appendonly to yes; without it a restart empties the queues, and the leader fills them anew";
        return warning("redis", found, todo);
    }
    ok("redis", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_an_address_is_that_of_its_first_host() {
        for (url, port) in [
            ("postgres://me:pa:ss@db:6432/x?sslmode=disable", 6432),
            ("postgres://db/x", 5432),
            ("postgres://a:1,b:2/x", 1),
        ] {
            assert_eq!(port_of(url), port, "{url}");
        }
    }
}
