"""What Ombud and its people concluded and set: findings, cases, users, jobs, the outbox of the ledger."""
