//! A menu that is configured, not written: docs/ready-flows.md.

vireo_sdk::flow!(vireo_ready_flows::menu::run);
