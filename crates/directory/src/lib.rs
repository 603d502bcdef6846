//! Who somebody is, and which groups that one is in, as an LDAP directory has it.

#![forbid(unsafe_code)]
