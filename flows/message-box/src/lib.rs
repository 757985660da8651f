//! A message box that is configured, not written: docs/ready-flows.md.

vireo_sdk::flow!(vireo_ready_flows::message_box::run);
