"""Assembles the image without a container engine: an OCI image layout of a built program and the libraries that it loads.

usage: python3 deploy/image/assemble.py PROGRAM DESTINATION [COMMIT]

The same program on the same Debian gives the same digest: files are sorted, and their times are one instant.
DESTINATION/oci is the layout (skopeo copy oci:DESTINATION/oci docker://…), DESTINATION/rootfs what is in it, and
DESTINATION/sbom.cdx.json lists every crate of Cargo.lock and every library, in CycloneDX.
"""

import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib

USER = 65532
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
# Read by glibc when a name is resolved; the libraries behind it are loaded at run time, so ldd does not name them.
RESOLVING = ["libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2"]
MEDIA = "application/vnd.oci.image"


def libraries(program):
    """Each shared library that the program loads: the name by which it is asked for, and the file."""
    found = dict(re.findall(r"^\s*(?:\S+ => )?((/\S+))", subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout, re.MULTILINE))
    folders = {os.path.dirname(path) for path in found}
    for name in RESOLVING:
        for folder in folders:
            path = os.path.join(folder, name)
            if os.path.exists(path):
                found[path] = path
    return sorted(found)


def fill(root, program):
    """Writes what is in the image below `root`."""
    files = {"/usr/bin/claviger": program, CERTIFICATES: CERTIFICATES, **{path: path for path in libraries(program)}}
    for target, source in files.items():
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(os.path.realpath(source), place)
        if source == program:
            # Symbols stay, so that a panic names its functions; line tables would be nine tenths of the image.
            subprocess.run(["strip", "--strip-debug", place], check=True)
        place.chmod(0o644 if target == CERTIFICATES else 0o755)
    for name, text in {
        "passwd": f"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n",
        "group": f"root:x:0:\nnonroot:x:{USER}:\n",
        "nsswitch.conf": "hosts: files dns\n",
    }.items():
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc" / name).write_text(text)
        (root / "etc" / name).chmod(0o644)
    (root / "tmp").mkdir()


def layer(root):
    """The layer as a tar whose bytes depend on names and contents alone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(root.rglob("*")):
            entry = tar.gettarinfo(path, str(path.relative_to(root)))
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
            entry.mode = 0o1777 if entry.name == "tmp" else (0o755 if path.is_dir() or os.access(path, os.X_OK) and path.stat().st_mode & 0o111 else 0o644)
            if path.is_file():
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return buffer.getvalue()


def sbom(program, version):
    locked = tomllib.loads(pathlib.Path("Cargo.lock").read_text())["package"]
    crates = [
        {"type": "library", "name": crate["name"], "version": crate["version"], "purl": f"pkg:cargo/{crate['name']}@{crate['version']}"}
        for crate in locked
        if "source" in crate
    ]
    owned = []
    for path in libraries(program):
        package = next((line for place in (path, os.path.realpath(path), path.removeprefix("/usr"), "/usr" + path) for line in owner_of(place)), None)
        if package:
            owned.append({"type": "library", "name": package[0], "version": package[1], "purl": f"pkg:deb/debian/{package[0]}@{package[1]}"})
    unique = {component["purl"]: component for component in crates + owned}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "claviger", "version": version}},
        "components": [unique[purl] for purl in sorted(unique)],
    }


def owner_of(path):
    found = subprocess.run(["dpkg-query", "--search", path], capture_output=True, text=True, check=False)
    if found.returncode == 0:
        name = found.stdout.split(": ")[0].split(",")[0]
        version = subprocess.run(["dpkg-query", "--show", "--showformat=${Version}", name], capture_output=True, text=True, check=True).stdout
        yield name.split(":")[0], version


def main(program, destination, commit="unknown"):
    destination = pathlib.Path(destination)
    shutil.rmtree(destination, ignore_errors=True)
    root, blobs = destination / "rootfs", destination / "oci/blobs/sha256"
    root.mkdir(parents=True)
    blobs.mkdir(parents=True)
    fill(root, program)
    tar = layer(root)

    def blob(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": f"{MEDIA}.{kind}", "digest": f"sha256:{digest}", "size": len(data)}

    encode = lambda value: json.dumps(value, indent=1, sort_keys=True).encode()
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine],
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Entrypoint": ["/usr/bin/claviger"],
            "Labels": {
                "org.opencontainers.image.title": "claviger",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": commit,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(tar).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{MEDIA}.manifest.v1+json",
        "config": blob(encode(config), "config.v1+json"),
        "layers": [blob(gzip.compress(tar, mtime=0), "layer.v1.tar+gzip")],
    }
    manifest = {**blob(encode(manifest), "manifest.v1+json"), "annotations": {"org.opencontainers.image.ref.name": version}}
    (destination / "oci/oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}\n')
    (destination / "oci/index.json").write_bytes(encode({"schemaVersion": 2, "manifests": [manifest]}))
    (destination / "sbom.cdx.json").write_bytes(encode(sbom(program, version)))
    print(manifest["digest"])


if __name__ == "__main__":
    main(*sys.argv[1:])
