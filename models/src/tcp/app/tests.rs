//! Applications over streams, on a bench that stands for a host.
