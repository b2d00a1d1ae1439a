//! Native tools as child processes: started without a shell, watched, and never left behind.
//!
//! Between this program and a tool stands a supervisor, this program again in another role (see
//! [`supervise`]): both are in a process group of their own, which ends when the tool does, when it is told
//! to, and when this program dies, whatever killed it.

mod bounded;
mod command;
mod input;
mod output;
mod running;
mod supervise;

pub(crate) use command::{Launcher, Stdin, ToolCommand};
pub(crate) use input::ToolInput;
pub(crate) use output::{OutputEnd, ToolOutput};
pub(crate) use running::{RunningTool, ToolEnd, Watched};
pub use supervise::{Supervision, supervise};
