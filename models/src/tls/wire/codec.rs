//! Reading and writing of fields and of vectors with their lengths before them (RFC 8446 §3).
