//! Jobs, schedules, sensors and notifications by their names, and what is wrong with what they select.

use tidegate_core::plan::AssetName;
use tidegate_core::schema::{Document, Job, Notification, OneOrMany, Placed, Schedule, Sensor};
use tidegate_core::{Error, Errors, Result};

use super::wanted::unknown;
use crate::project::Project;

impl Project {
    /// The job of a name.
    pub fn job(&self, name: &str) -> Result<&Placed<Job>> {
        find("job", name, &self.loaded.jobs)
    }

    /// The schedule of a name.
    pub fn schedule(&self, name: &str) -> Result<&Placed<Schedule>> {
        find("schedule", name, &self.loaded.schedules)
    }

    /// The sensor of a name.
    pub fn sensor(&self, name: &str) -> Result<&Placed<Sensor>> {
        find("sensor", name, &self.loaded.sensors)
    }

    /// The notification of a name.
    pub fn notification(&self, name: &str) -> Result<&Placed<Notification>> {
        find("notification", name, &self.loaded.notifications)
    }

    /// Everything wrong with what jobs, schedules, sensors and notifications select and refer to, with its place. Nothing is connected to.
    pub fn check_instigators(&self) -> Vec<Error> {
        let mut errors = Vec::new();
        for job in self.loaded.jobs.values() {
            self.check_selection(&job.document, "/select", job.value.select.as_ref(), &mut errors);
            for (index, step) in job.value.steps.iter().enumerate() {
                let pointer = format!("/steps/{index}/materialize/select");
                let select = step.materialize.as_ref().map(|each| &each.select);
                self.check_selection(&job.document, &pointer, select, &mut errors);
            }
        }
        for schedule in self.loaded.schedules.values() {
            let select = schedule.value.select.as_ref();
            self.check_selection(&schedule.document, "/select", select, &mut errors);
        }
        for sensor in self.loaded.sensors.values() {
            let select = sensor.value.select.as_ref();
            self.check_selection(&sensor.document, "/select", select, &mut errors);
            if let Some(plugin) = &sensor.value.plugin
                && let Err(error) = self.sensor_plugin(plugin)
            {
                errors.push(error.at(sensor.document.place("/plugin/name", false)));
            }
        }
        for notification in self.loaded.notifications.values() {
            let document = &notification.document;
            let select = notification.value.select.as_ref();
            self.check_selection(document, "/select", select, &mut errors);
            for channel in ["webhook", "slack", "email"] {
                let Some(node) = document.root.get(channel) else {
                    continue;
                };
                let pointer = format!("/{channel}");
                errors.extend(self.with_variables(node, notification, &pointer, true).err());
            }
        }
        errors
    }

    fn check_selection(
        &self,
        document: &Document,
        pointer: &str,
        select: Option<&OneOrMany>,
        errors: &mut Vec<Error>,
    ) {
        let Some(OneOrMany(texts)) = select else { return };
        let mut placed = |message: String, hint: Option<String>| {
            let mut error = document.error("schema.selection", pointer, message);
            error.hint = hint;
            errors.push(error);
        };
        match self.select(texts) {
            Ok(found) if found.is_empty() => placed("no asset is selected".into(), None),
            Ok(_) => {}
            Err(Errors(found)) => found
                .into_iter()
                .for_each(|error| placed(error.message, error.hint)),
        }
    }
}

fn find<'a, T>(
    what: &str,
    name: &str,
    among: &'a std::collections::BTreeMap<AssetName, Placed<T>>,
) -> Result<&'a Placed<T>> {
    among
        .iter()
        .find(|(known, _)| known.as_str() == name)
        .map(|(_, found)| found)
        .ok_or_else(|| unknown(what, name, among.keys()))
}
