//! JUnit, matrix and comparison: pure functions of a report.
