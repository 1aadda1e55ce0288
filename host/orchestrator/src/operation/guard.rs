//! What ends a child process when nobody is there any more to do it.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};

/// Waits for a word. Where none comes, the process that was to say it is gone, and the group of the child is ended. A group
/// that is gone is let be: its number may soon be another's.
const SCRIPT: &str = r#"read -r word; [ "$word" = done ] && exit
kill -s TERM -- "-$1"; waited=0
while kill -s 0 -- "-$1"; do
    [ "$waited" -ge "$2" ] && { kill -s KILL -- "-$1"; exit; }
    sleep 1; waited=$((waited + 1))
done"#;

/// A small process beside the child: it outlives a worker that is killed, and ends the child's process group then, so that
/// no two attempts at a step go on at once.
pub(super) struct Guard(Child);

impl Guard {
    /// Guards a process group.
    pub(super) fn over(group: i32, grace_ms: u64) -> std::io::Result<Self> {
        let seconds = grace_ms.div_ceil(1_000).to_string();
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "sh", &group.to_string(), &seconds])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to this process's group must not end the guard before it has done its work.
            .process_group(0)
            .spawn()?;
        Ok(Self(child))
    }

    /// The group has ended.
    pub(super) async fn relieve(mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            let _ = stdin.write_all(b"done\n").await;
        }
        let _ = self.0.wait().await;
    }
}
