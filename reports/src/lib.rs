//! What turns results into something to read: statistics, formulas, tables and result files.
//!
//! - [`statistics`]: means, quantiles and proportions with confidence intervals; tests of fit.
//! - [`closed_form`]: what queues, loss and random access do by theory.
//! - [`formula`]: the expressions a scenario draws over its figures.
//! - [`table`]: result tables in columns, written as CSV and Parquet.
//! - [`capture`]: packets at link ends as pcapng.
//! - [`figure`]: lines, steps, distribution functions and bars as SVG, PNG and PDF.
//! - [`diagram`]: ladder diagrams and time–sequence plots of one run.
//! - [`folder`]: result files that are either the old or the new, never half of one.
//!
//! Nothing here knows how a run was scheduled, and the same values give the same bytes on every machine.

pub mod capture;
pub mod closed_form;
pub mod diagram;
pub mod figure;
pub mod folder;
pub mod formula;
pub mod statistics;
pub mod table;
