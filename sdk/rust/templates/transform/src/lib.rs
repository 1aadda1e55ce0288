//! Tidies email addresses: `reads` names one column of text, `writes` is `email_tidy`.
//!
//! It looks at one row at a time. Where whole columns are to be worked on, implement `Transform` instead.

use tidegate_sdk::prelude::*;

/// What `config` in the asset holds.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Leave out rows with addresses of other domains; none keeps all.
    #[serde(default)]
    domains: Vec<String>,
}

/// What is read. The column's name is the asset's matter, so it is found by its place.
#[derive(Row)]
#[row(by_place)]
pub struct Read<'a> {
    email: Option<&'a str>,
}

/// What is made.
#[derive(Row, Debug, PartialEq)]
pub struct Made {
    email_tidy: Option<String>,
}

/// The bound transform.
pub struct Tidy {
    domains: Vec<String>,
}

impl RowTransform for Tidy {
    type Config = Config;
    type In = Read<'static>;
    type Out = Made;

    fn bind(config: Config) -> Result<Self, Fault> {
        if let Some(index) = config.domains.iter().position(|domain| domain.contains('@')) {
            return Err(Fault::config(format!("/domains/{index}"), "a domain has no @"));
        }
        Ok(Self {
            domains: config.domains,
        })
    }

    fn row(&mut self, row: Read) -> Result<Option<Made>, Reject> {
        let Some(email) = row.email else {
            return Ok(Some(Made { email_tidy: None }));
        };
        let tidy = email.trim().to_lowercase();
        let Some((_, domain)) = tidy
            .split_once('@')
            .filter(|(user, domain)| !user.is_empty() && !domain.is_empty())
        else {
            // Never the value itself: the column may be personal.
            return Err(Reject::new(
                "bad_email",
                "an address is a name, an @ and a domain",
            ));
        };
        let kept = self.domains.is_empty() || self.domains.iter().any(|wanted| wanted == domain);
        Ok(kept.then_some(Made {
            email_tidy: Some(tidy),
        }))
    }
}

tidegate_sdk::export_row_transform!(Tidy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_tidied_left_out_or_refused() -> Result<(), Fault> {
        let emails = [Some(" Ann@Example.com"), None, Some("bob"), Some("eve@other.org")];
        let input = Read::batch(emails.map(|email| Read { email }));
        let config = serde_json::json!({"domains": ["example.com"]});
        let (made, rejects) = testing::run_with_rejects::<ByRow<Tidy>>(config, &input)?;
        let tidy = |email: Option<&str>| Made {
            email_tidy: email.map(str::to_owned),
        };
        assert_eq!(made, Made::batch([tidy(Some("ann@example.com")), tidy(None)]));
        assert_eq!(
            (rejects.len(), rejects[0].row, rejects[0].code.as_str()),
            (1, 2, "bad_email")
        );
        Ok(())
    }
}
