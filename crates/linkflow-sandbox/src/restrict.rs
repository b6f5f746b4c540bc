//! Takes everything away from this process that running code does not need.
//!
//! Three walls, each of which would do: limits of resources, landlock (no path can be opened, no
//! port used) and seccomp (calls that reach outside are refused). A kernel without one of them
//! gives a note; without seccomp the process does not start.

use std::collections::BTreeMap;

use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Restricts the calling process, which must have one thread. Its address space may grow by
/// `memory_bytes`. Gives notes about walls that this kernel does not have.
///
/// # Errors
/// When a wall that must stand could not be built.
pub fn restrict(memory_bytes: u64) -> Result<Vec<String>, String> {
    // What the allocators have reserved up to here is no use of memory yet.
    let reserved_bytes = address_space_bytes();
    close_all_but_pipes();
    no_new_privileges()?;
    let notes = fence_off_files();
    limit_resources(reserved_bytes.saturating_add(memory_bytes))?;
    filter_calls()?;
    Ok(notes)
}

fn address_space_bytes() -> u64 {
    // SAFETY: sysconf with a constant.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(4096) as u64;
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    pages.and_then(|s| s.split(' ').next()?.parse::<u64>().ok()).map_or(1 << 30, |n| n * page_bytes)
}

fn close_all_but_pipes() {
    // SAFETY: closing descriptors from 3 up; nothing in this process owns one it still needs.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, 0u32);
    }
}

fn no_new_privileges() -> Result<(), String> {
    // SAFETY: prctl with constants; no memory is passed.
    let done = unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    };
    if done == 0 { Ok(()) } else { Err(format!("no_new_privs: {}", std::io::Error::last_os_error())) }
}

/// Landlock: all rights handled, none granted.
fn fence_off_files() -> Vec<String> {
    let abi = ABI::V6;
    let fenced = Ruleset::default()
        .handle_access(AccessFs::from_all(abi))
        .and_then(|r| r.handle_access(AccessNet::from_all(abi)))
        .and_then(|r| r.scope(Scope::from_all(abi)))
        .and_then(|r| r.create())
        .and_then(|r| r.restrict_self());
    match fenced.map(|status| status.ruleset) {
        Ok(RulesetStatus::FullyEnforced) => Vec::new(),
        Ok(RulesetStatus::PartiallyEnforced) => {
            vec![
                "this kernel's landlock is older: files are closed off, parts of the rest are not".to_owned(),
            ]
        }
        Ok(RulesetStatus::NotEnforced) => {
            vec!["this kernel has no landlock: only seccomp keeps code from opening files".to_owned()]
        }
        Err(e) => vec![format!("landlock could not be set up: {e}")],
    }
}

fn limit_resources(memory_bytes: u64) -> Result<(), String> {
    let limit = |what: libc::__rlimit_resource_t, n: u64, name: &str| {
        let limit = libc::rlimit { rlim_cur: n, rlim_max: n };
        // SAFETY: the pointer is to a live struct of the right type.
        if unsafe { libc::setrlimit(what, &limit) } == 0 {
            Ok(())
        } else {
            Err(format!("limit of {name}: {}", std::io::Error::last_os_error()))
        }
    };
    const CPU_SECONDS: u64 = 3_600;
    limit(libc::RLIMIT_AS, memory_bytes, "memory")?;
    limit(libc::RLIMIT_CPU, CPU_SECONDS, "processor time")?;
    limit(libc::RLIMIT_NPROC, 0, "processes")?;
    limit(libc::RLIMIT_CORE, 0, "core files")?;
    limit(libc::RLIMIT_FSIZE, 0, "file sizes")?;
    limit(libc::RLIMIT_NOFILE, 3, "open files")
}

/// Only the calls that running code makes.
fn filter_calls() -> Result<(), String> {
    let program = program().map_err(|e| format!("seccomp: {e}"))?;
    seccompiler::apply_filter(&program).map_err(|e| format!("seccomp: {e}"))
}

fn program() -> Result<BpfProgram, seccompiler::BackendError> {
    compile(rules_of_code()?)
}

fn compile(rules: BTreeMap<i64, Vec<SeccompRule>>) -> Result<BpfProgram, seccompiler::BackendError> {
    let arch = std::env::consts::ARCH.try_into()?;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, arch)?.try_into()
}

/// The filters of a process that runs Python, in the kernel's form: that of the process which forks,
/// and that of its children. Code sees the second, within the first.
pub fn python_filters() -> Result<[Vec<u8>; 2], String> {
    let bytes = |program: BpfProgram| -> Vec<u8> {
        let words = program.iter().map(|i| (i.code, i.jt, i.jf, i.k));
        words
            .flat_map(|(code, jt, jf, k)| {
                let [a, b] = code.to_ne_bytes();
                let [e, f, g, h] = k.to_ne_bytes();
                [a, b, jt, jf, e, f, g, h]
            })
            .collect()
    };
    let both = || -> Result<[Vec<u8>; 2], seccompiler::BackendError> {
        let mut inner = rules_of_code()?;
        for call in [libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_getpid, libc::SYS_gettid] {
            inner.insert(call, Vec::new());
        }
        let mut outer = inner.clone();
        for call in [
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_close,
            libc::SYS_close_range,
            libc::SYS_pipe2,
            libc::SYS_dup3,
            libc::SYS_wait4,
            libc::SYS_kill,
            libc::SYS_tgkill,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_set_robust_list,
            libc::SYS_getppid,
        ] {
            outer.insert(call, Vec::new());
        }
        #[cfg(target_arch = "x86_64")]
        for call in [libc::SYS_pipe, libc::SYS_dup2, libc::SYS_setrlimit] {
            outer.insert(call, Vec::new());
        }
        // A process of its own, never a thread in this one.
        let shares = (libc::CLONE_VM | libc::CLONE_THREAD) as u64;
        let fork = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(shares), 0)?;
        outer.insert(libc::SYS_clone, vec![SeccompRule::new(vec![fork])?]);
        Ok([bytes(compile(outer)?), bytes(compile(inner)?)])
    };
    both().map_err(|e| format!("seccomp: {e}"))
}

/// The calls that an engine of scripts makes, with the pipes as only descriptors.
fn rules_of_code() -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in [
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_brk,
        libc::SYS_futex,
        libc::SYS_clock_gettime,
        libc::SYS_gettimeofday,
        libc::SYS_getrandom,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_sched_yield,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
    ] {
        rules.insert(call, Vec::new());
    }
    let arg_is = |arg: u8, op: SeccompCmpOp, value: u64| {
        SeccompCondition::new(arg, SeccompCmpArgLen::Dword, op, value)
    };
    let fd = |n: u64| SeccompRule::new(vec![arg_is(0, SeccompCmpOp::Eq, n)?]);
    rules.insert(libc::SYS_read, vec![fd(0)?]);
    rules.insert(libc::SYS_readv, vec![fd(0)?]);
    rules.insert(libc::SYS_write, vec![fd(1)?, fd(2)?]);
    rules.insert(libc::SYS_writev, vec![fd(1)?, fd(2)?]);
    // Memory that can be executed would be the first step of most ways out.
    let exec = libc::PROT_EXEC as u64;
    let not_executable = || SeccompRule::new(vec![arg_is(2, SeccompCmpOp::MaskedEq(exec), 0)?]);
    rules.insert(libc::SYS_mmap, vec![not_executable()?]);
    rules.insert(libc::SYS_mprotect, vec![not_executable()?]);
    Ok(rules)
}
