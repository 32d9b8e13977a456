//! Whether the server lives and whether it can do its work.

use hyper::StatusCode;

use crate::render::json::HealthAnswer;
use crate::serve::answer::Answer;
use crate::serve::call::Call;

/// 200 as long as the process answers; damage is told, not punished with a restart that would not mend it.
pub fn alive(call: &Call) -> Answer {
    Answer::json(&HealthAnswer::new(call.engine().health(), call.caller.is_admin()))
}

/// 200 when events are taken and questions answered, else 503.
pub fn ready(call: &Call) -> Answer {
    let health = call.engine().health();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Answer::json_with(status, &HealthAnswer::new(health, call.caller.is_admin()))
}
