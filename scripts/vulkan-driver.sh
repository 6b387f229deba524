#!/bin/sh
# Makes sure that the machine can build anygrad and run it: cargo, a C linker, make, and a Vulkan driver.
#
# Where all of them are there it does nothing. On Debian, Ubuntu and their relatives it installs what is missing with apt-get,
# as root or through sudo; elsewhere it says what to install and fails. Any Vulkan driver counts: Mesa's software driver is
# installed only on a machine that has none. ANYGRAD_GPU=skip does without a driver.

set -eu

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# ---- what is there -------------------------------------------------------------------------------------------------------

# Whether any of the files given exists; a pattern that matches nothing is a name that does not exist.
any_file() {
    for file in "$@"; do
        if [ -f "$file" ]; then
            return 0
        fi
    done
    return 1
}

# Whether a list of files and folders, separated by colons, names a driver's manifest.
listed_manifest() {
    old_ifs=$IFS
    IFS=:
    # shellcheck disable=SC2086 # The list is split at its colons.
    set -- $1
    IFS=$old_ifs
    for entry in "$@"; do
        if any_file "$entry" "$entry"/*.json; then
            return 0
        fi
    done
    return 1
}

# Where the Vulkan loader looks for drivers; the variables come first and replace the search.
have_manifest() {
    if [ -n "${VK_DRIVER_FILES:-${VK_ICD_FILENAMES:-}}" ]; then
        listed_manifest "${VK_DRIVER_FILES:-$VK_ICD_FILENAMES}" ||
            die "VK_DRIVER_FILES or VK_ICD_FILENAMES names no file that exists: unset it, or name a driver's manifest"
        return 0
    fi
    any_file \
        /usr/share/vulkan/icd.d/*.json \
        /usr/local/share/vulkan/icd.d/*.json \
        /etc/vulkan/icd.d/*.json \
        /etc/xdg/vulkan/icd.d/*.json \
        /run/opengl-driver/share/vulkan/icd.d/*.json \
        "${XDG_DATA_HOME:-${HOME:-}/.local/share}"/vulkan/icd.d/*.json ||
        listed_manifest "${VK_ADD_DRIVER_FILES:-}"
}

have_loader() {
    any_file \
        /lib/libvulkan.so.1 /lib64/libvulkan.so.1 /lib/*/libvulkan.so.1 \
        /usr/lib/libvulkan.so.1 /usr/lib64/libvulkan.so.1 /usr/lib/*/libvulkan.so.1 \
        /usr/local/lib/libvulkan.so.1 /run/opengl-driver/lib/libvulkan.so.1 ||
        { ldconfig -p 2>/dev/null || /sbin/ldconfig -p 2>/dev/null || true; } | grep -q 'libvulkan\.so\.1 '
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# ---- cargo ---------------------------------------------------------------------------------------------------------------

check_cargo() {
    wanted=$(sed -n 's/^rust-version = "1\.\([0-9]*\).*/\1/p' "$root/Cargo.toml")
    have cargo || die "cargo was not found: install Rust 1.$wanted or newer with rustup, then open a new shell"
    # A version of another form than 1.x is left to cargo.
    found=$(cargo --version | sed -n 's/^cargo 1\.\([0-9]*\).*/\1/p')
    if [ "${found:-$wanted}" -lt "$wanted" ]; then
        die "Rust 1.$found is too old: install 1.$wanted or newer with rustup (distributions often package older ones)"
    fi
}

# ---- installing ----------------------------------------------------------------------------------------------------------

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        die "not root, and there is no sudo; run as root: apt-get update && apt-get install $packages"
    fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

# A list that cannot be updated may still be good enough to install from.
apt_install() {
    apt update || say "apt-get update failed; trying to install anyway"
    # shellcheck disable=SC2086 # Package names, separated by spaces.
    apt install -y --no-install-recommends $packages
}

missing() {
    packages=
    if ! have cc || ! have make; then
        packages="$packages build-essential"
    fi
    if [ "${ANYGRAD_GPU:-}" != skip ]; then
        have_loader || packages="$packages libvulkan1"
        have_manifest || packages="$packages mesa-vulkan-drivers"
    fi
    packages=${packages# }
}

# ---- what to do ----------------------------------------------------------------------------------------------------------

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
check_cargo

case $(uname -s) in
    Linux) ;;
    Darwin)
        # Metal is part of the system.
        have cc || die "no C linker (cc): install the command line tools with: xcode-select --install"
        exit 0
        ;;
    *)
        # On Windows the linker and the drivers are found by other means; cargo and anygrad say what is missing.
        exit 0
        ;;
esac

missing
if [ -z "$packages" ]; then
    exit 0
fi
if ! have apt-get; then
    say "a C linker (cc), make, the Vulkan loader (libvulkan.so.1) or a Vulkan driver is missing; install with"
    say "  Fedora:   dnf install gcc make vulkan-loader mesa-vulkan-drivers"
    say "  Arch:     pacman -S base-devel vulkan-icd-loader vulkan-swrast"
    say "  openSUSE: zypper install gcc make libvulkan1 libvulkan_lvp"
    say "  Alpine:   apk add build-base vulkan-loader mesa-vulkan-swrast"
    die "or install the driver of your GPU's vendor in place of Mesa's software driver"
fi

say "installing $packages with apt-get"
if ! apt_install; then
    say "failed; trying once more"
    sleep 5
    apt_install || die "could not install $packages"
fi

installed=$packages
missing
if [ -n "$packages" ]; then
    die "$installed was installed, but what $packages brings still cannot be found"
fi
