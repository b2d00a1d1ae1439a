//! MySQL and MariaDB: dumped by their own tools.

mod script;
