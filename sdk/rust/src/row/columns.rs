//! Where the columns of a row stand.

use super::Row;
use crate::batch::Input;
use crate::fault::Fault;

/// The places of a row's columns among the granted ones, each checked for its type.
pub(crate) fn places<R: Row>(input: &Input) -> Result<Vec<usize>, Fault> {
    let members = R::members();
    if R::BY_PLACE {
        let names: Vec<&str> = members
            .iter()
            .map(|member| member.field.name().as_str())
            .collect();
        input.expect_columns(members.len(), &names.join(", "))?;
    }
    let mut places = Vec::with_capacity(members.len());
    for (index, member) in members.iter().enumerate() {
        let place = if R::BY_PLACE {
            index
        } else {
            input.find(member.field.name())?
        };
        if !(member.fits)(input.schema().field(place).data_type()) {
            input.expect(place, member.field.data_type())?;
        }
        places.push(place);
    }
    Ok(places)
}
