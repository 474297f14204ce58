"""The embedded stack: real Postgres, Valkey and S3 as child processes of one command."""
