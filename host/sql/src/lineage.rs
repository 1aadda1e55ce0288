//! Which columns each column of an answer is made from, as the plan has it.

use std::collections::BTreeSet;

use datafusion::common::{Column, DFSchemaRef, JoinType};
use datafusion::logical_expr::{Expr, LogicalPlan};

/// A column of a table: the table's name and its own.
pub type TableColumn = (String, String);

/// What the columns of a plan's answer are made from, in order.
pub(crate) fn lineage(plan: &LogicalPlan) -> Vec<BTreeSet<TableColumn>> {
    match plan {
        LogicalPlan::TableScan(scan) => scan
            .projected_schema
            .fields()
            .iter()
            .map(|field| BTreeSet::from([(scan.table_name.table().to_owned(), field.name().clone())]))
            .collect(),
        LogicalPlan::Projection(projection) => of_exprs(&projection.expr, &projection.input),
        LogicalPlan::Aggregate(aggregate) => {
            let exprs: Vec<Expr> = aggregate
                .group_expr
                .iter()
                .chain(&aggregate.aggr_expr)
                .cloned()
                .collect();
            of_exprs(&exprs, &aggregate.input)
        }
        LogicalPlan::Window(window) => {
            let mut all = lineage(&window.input);
            all.extend(of_exprs(&window.window_expr, &window.input));
            all
        }
        LogicalPlan::Union(union) => {
            let mut all = vec![BTreeSet::new(); union.schema.fields().len()];
            for input in &union.inputs {
                for (all, own) in all.iter_mut().zip(lineage(input)) {
                    all.extend(own);
                }
            }
            all
        }
        // What has the columns of one input, in order.
        LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Repartition(_) => plan
            .inputs()
            .first()
            .map(|input| lineage(input))
            .unwrap_or_default(),
        LogicalPlan::Join(join) => {
            let (left, right) = (lineage(&join.left), lineage(&join.right));
            match join.join_type {
                JoinType::LeftSemi | JoinType::LeftAnti => left,
                JoinType::RightSemi | JoinType::RightAnti => right,
                JoinType::LeftMark => with_mark(left, right),
                JoinType::RightMark => with_mark(right, left),
                JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => {
                    left.into_iter().chain(right).collect()
                }
            }
        }
        _ => all_below(plan, plan.schema().fields().len()),
    }
}

/// The columns of one side, and a mark that says whether the other has a match.
fn with_mark(
    mut side: Vec<BTreeSet<TableColumn>>,
    other: Vec<BTreeSet<TableColumn>>,
) -> Vec<BTreeSet<TableColumn>> {
    side.push(other.into_iter().flatten().collect());
    side
}

/// Where nothing better is known: all that is below.
fn all_below(plan: &LogicalPlan, fields: usize) -> Vec<BTreeSet<TableColumn>> {
    let all: BTreeSet<TableColumn> = plan.inputs().into_iter().flat_map(lineage).flatten().collect();
    vec![all; fields]
}

fn of_exprs(exprs: &[Expr], input: &LogicalPlan) -> Vec<BTreeSet<TableColumn>> {
    let below = lineage(input);
    exprs
        .iter()
        .map(|expr| {
            expr.column_refs()
                .into_iter()
                .filter_map(|column| place(column, input.schema()))
                .filter_map(|place| below.get(place))
                .flatten()
                .cloned()
                .collect()
        })
        .collect()
}

fn place(column: &Column, schema: &DFSchemaRef) -> Option<usize> {
    schema.maybe_index_of_column(column)
}
