//! `tidegate token`: who may use the API.

use std::process::ExitCode;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tidegate_api::NewToken;
use tidegate_core::port::{Role, TokenRecord};
use tidegate_core::schema::Millis;
use tidegate_core::{Error, Errors, Kind};

use crate::arguments::{ProjectAt, TokenCommand, TokenRole};
use crate::output::{Output, Table};
use crate::session;

pub(crate) async fn run(at: &ProjectAt, command: &TokenCommand, output: &Output) -> Result<ExitCode, Errors> {
    let project = session::open_project(at)?;
    let state = session::open_state(&project).await?;
    match command {
        TokenCommand::Create {
            name,
            role,
            expires_in,
        } => {
            let now = Utc::now();
            let expires_at = expires_in.map(|Millis(ms)| now + TimeDelta::milliseconds(ms as i64));
            let token = NewToken::make(name.clone(), Role::from(*role), now, expires_at)?;
            state.insert_token(&token.record).await?;
            let mut shown = described(&token.record);
            shown["token"] = json!(token.text);
            output.show(&shown, || {
                say!("{}", token.text);
                say!("\nIt is shown this once. Send it as `Authorization: Bearer TOKEN`.");
            });
        }
        TokenCommand::List => list(&state.tokens().await?, output),
        TokenCommand::Revoke { ids } => {
            let known = state.tokens().await?;
            // All are looked at before one is taken back.
            if let Some(id) = ids.iter().find(|id| !known.iter().any(|token| token.id == **id)) {
                let error = Error::new(Kind::Usage, "token.unknown", format!("there is no token `{id}`"));
                return Err(error.hint("`tidegate token list` shows their ids").into());
            }
            for id in ids {
                state.revoke_token(id, Utc::now()).await?;
            }
            output.show(&json!({"revoked": ids}), || {
                for id in ids {
                    say!("token {id} opens nothing any more");
                }
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(tokens: &[TokenRecord], output: &Output) {
    let day = |at: chrono::DateTime<Utc>| at.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let mut table = Table::new(&["token", "name", "role", "made", "last used", "expires", "stands"]);
    for token in tokens {
        let stands = match (token.revoked_at, token.valid_at(Utc::now())) {
            (Some(_), _) => "revoked",
            (None, true) => "valid",
            (None, false) => "expired",
        };
        table.row([
            token.id.clone(),
            token.name.clone(),
            token.role.text().to_owned(),
            day(token.created_at),
            token.last_used_at.map_or("never".to_owned(), day),
            token.expires_at.map_or("never".to_owned(), day),
            stands.to_owned(),
        ]);
    }
    output.show(&tokens.iter().map(described).collect::<Vec<_>>(), || {
        if table.is_empty() {
            say!("no tokens; next: tidegate token create --name NAME --role operator");
        } else {
            table.print();
        }
    });
}

fn described(token: &TokenRecord) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "role": token.role,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    })
}

impl From<TokenRole> for Role {
    fn from(role: TokenRole) -> Self {
        match role {
            TokenRole::Viewer => Self::Viewer,
            TokenRole::Operator => Self::Operator,
            TokenRole::Admin => Self::Admin,
        }
    }
}
