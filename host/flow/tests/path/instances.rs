//! Several instances of a transform side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use tidegate_core::Result;
use tidegate_core::batch::Processed;
use tidegate_core::port::Transform;

use crate::doubles::{Attempt, Firsts};

/// The firsts of each batch by itself, the earlier batches the slowest.
struct Late {
    at_work: Arc<AtomicUsize>,
    most_at_work: Arc<AtomicUsize>,
}

#[async_trait]
impl Transform for Late {
    fn name(&self) -> &'static str {
        "late@1.0.0"
    }

    fn output_schema(&self) -> SchemaRef {
        Firsts::default().output_schema()
    }

    async fn process(&mut self, batch: RecordBatch, sequence: u64) -> Result<Processed> {
        let now = self.at_work.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_work.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(2 * (3 - sequence % 4))).await;
        self.at_work.fetch_sub(1, Ordering::SeqCst);
        Firsts::default().process(batch, sequence).await
    }

    async fn finish(&mut self) -> Result<Processed> {
        Ok(Processed::default())
    }

    async fn snapshot(&mut self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    async fn restore(&mut self, _: &[u8]) -> Result<()> {
        unreachable!("there is no state")
    }
}

fn late(instances: usize) -> (Attempt, Arc<AtomicUsize>) {
    let (at_work, most_at_work) = (Arc::default(), Arc::<AtomicUsize>::default());
    let mut attempt = Attempt::new(500);
    let most = most_at_work.clone();
    attempt.instances = Box::new(move || {
        let one = || -> Box<dyn Transform> {
            Box::new(Late {
                at_work: Arc::clone(&at_work),
                most_at_work: most_at_work.clone(),
            })
        };
        (0..instances).map(|_| one()).collect()
    });
    (attempt, most)
}

#[tokio::test]
async fn rows_keep_their_order_and_are_counted_as_by_one() {
    let (one, most) = late(1);
    let expected = one.run().await.0.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 1);

    let (three, most) = late(3);
    let (receipt, checkpoints) = three.run().await;
    let receipt = receipt.unwrap();
    assert_eq!(most.load(Ordering::SeqCst), 3, "they work side by side");
    assert_eq!(three.shown(), one.shown());
    assert_eq!(receipt.counts, expected.counts);
    assert_eq!(three.refused(&receipt), one.refused(&expected));
    assert!(checkpoints.len() >= 15, "{}", checkpoints.len());

    // A checkpoint holds what came before it and nothing of what was at work behind it.
    for (number, checkpoint) in checkpoints.into_iter().enumerate() {
        let (mut second, _) = late(3);
        second.place = three.place.clone();
        second.artifacts = three.artifacts.clone();
        second.place.lock().unwrap().shown = None;
        second.task.attempt = number as u32 + 2;
        second.task.resume = Some(checkpoint);
        assert_eq!(second.run().await.0.unwrap().counts, expected.counts);
        assert_eq!(second.shown(), one.shown());
    }
}

#[tokio::test]
async fn a_transform_with_state_has_one_instance() {
    let mut attempt = Attempt::new(100);
    attempt.instances = Box::new(|| {
        let one = || -> Box<dyn Transform> { Box::new(Firsts::default()) };
        vec![one(), one()]
    });
    assert_eq!(attempt.run().await.0.unwrap_err().code, "flow.stateful");
    assert_eq!(attempt.shown(), None);
}
