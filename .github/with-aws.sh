#!/usr/bin/env bash
# Runs a command with the rights of AWS_ROLE_ARN, in a job that may write id-token: .github/with-aws.sh npm run deploy
# GitHub's token, which AWS takes for the role, lives for minutes only: each command is given a new one.
set -euo pipefail
umask 077

AWS_WEB_IDENTITY_TOKEN_FILE=$(mktemp)
trap 'rm -f "$AWS_WEB_IDENTITY_TOKEN_FILE"' EXIT
curl -sSf --retry 3 --max-time 30 -H "authorization: bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
  "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" |
  node -e 'process.stdout.write(JSON.parse(require("node:fs").readFileSync(0, "utf8")).value)' >"$AWS_WEB_IDENTITY_TOKEN_FILE"

export AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_SESSION_NAME="github-${GITHUB_RUN_ID:-run}"
"$@"
