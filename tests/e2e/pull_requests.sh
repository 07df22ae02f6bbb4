#!/usr/bin/env bash
# A week of pull requests on the repository that `lineage demo FOLDER` leaves behind. What is merged is
# decided by `lineage guard` and its exit code alone. Usage: pull_requests.sh FOLDER
set -euo pipefail
cd "$1"
model=flight-delays

gate() { # the exit code of the question that a pull request asks
  local code=0
  "$@" lineage guard "$model@production" --env production --working-tree > gate.txt 2>&1 || code=$?
  echo "$code"
}

open_request() {
  git checkout --quiet -b "$1" main
}

close_request() { # NAME EXPECTED [COMMAND…]: commit, ask, merge where the answer is 0
  local name=$1 expected=$2 code
  shift 2
  git add --all . ':!gate.txt'
  git commit --quiet --allow-empty --message "$name"
  code=$(gate "$@")
  echo "$name: $code"
  if [ "$code" != "$expected" ]; then
    cat gate.txt
    exit 1
  fi
  git checkout --quiet main
  if [ "$code" = 0 ]; then git merge --quiet --ff-only "$name"; fi
}

open_request readme
echo "Predicts late departures." > README.md
close_request readme 0

open_request training-only
echo "# a note on the learning rate" >> src/train.py
close_request training-only 0

open_request reordered-yaml
python - << 'PYTHON'
import yaml
document = yaml.safe_load(open("dvc.yaml"))
document["stages"] = dict(reversed(document["stages"].items()))
open("dvc.yaml", "w").write("# written anew\n" + yaml.safe_dump(document, indent=4))
PYTHON
close_request reordered-yaml 0

open_request a-comment
sed -i '1i # Features of a departure.' src/featurize.py
close_request a-comment 3
git checkout --quiet a-comment
lineage validate "$model@production" --carry-over > /dev/null
close_request a-comment 0
grep -q "Features of a departure" src/featurize.py

open_request more-destinations
sed -i 's/top_destinations: 40/top_destinations: 60/' params.yaml
close_request more-destinations 3

open_request another-traffic # imported, and named by no dependency
sed -i 's/transform("size")/transform("size") * 2/' src/traffic.py
close_request another-traffic 3

open_request another-scikit-learn
sed -i 's/scikit-learn.*/scikit-learn==9.9/' requirements.txt
close_request another-scikit-learn 3

open_request broken-yaml
echo "stages: [" > dvc.yaml
close_request broken-yaml 9

open_request registry-gone
close_request registry-gone 7 env LINEAGE_REGISTRY=sqlite:///nowhere/registry.db

open_request no-such-model
git commit --quiet --allow-empty --message no-such-model
code=0
lineage guard nobody@production --env production > /dev/null 2>&1 || code=$?
[ "$code" = 4 ]
git checkout --quiet main

# The change done right: trained, validated and released together. Only then does the gate open.
open_request longer-list
sed -i 's/top_destinations: 40/top_destinations: 50/; s/max_iter: 80/max_iter: 20/' params.yaml
git commit --quiet --all --message "longer-list"
dvc repro --quiet
git commit --quiet --all --message "Train with the longer list"
lineage register "$model" > /dev/null
lineage validate "$model@latest" > /dev/null
[ "$(gate)" = 3 ]
lineage release --env production --pipeline "$model" --model "$model@latest" > /dev/null
close_request longer-list 0

grep -q "top_destinations: 50" params.yaml
git log --oneline main
