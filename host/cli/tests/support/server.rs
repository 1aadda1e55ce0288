//! A process that serves.

use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use super::Project;

/// A process that serves; killed when the test is over.
pub(crate) struct Server(pub(crate) Child);

impl Server {
    pub(crate) fn start(project: &Project, arguments: &[&str]) -> Self {
        Self(project.start(&[&["serve"], arguments].concat()))
    }

    pub(crate) fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    pub(crate) fn stop(mut self) {
        self.tell(Signal::TERM);
        let status = self.0.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
