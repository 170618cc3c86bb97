#!/usr/bin/env bash
# A real Apache IoTDB for tests: one ConfigNode and one DataNode, on loopback, without root, and its command line client.
#
#   bash tests/servers/iotdb.sh install                    once: 5 to 10 minutes, 1.2 GB while it works, 100 MB that stay
#   bash tests/servers/iotdb.sh where                      prints the installation's folder; fails when there is none
#   bash tests/servers/iotdb.sh start|stop|status|wipe FOLDER [NODE]
#   bash tests/servers/iotdb.sh kill|pause|resume|restart FOLDER NODE
#   bash tests/servers/iotdb.sh cli FOLDER [OPTION …]      IoTDB's own client, as root: -sql_dialect table, -e 'show models'
#
# FOLDER holds everything of one cluster; `start` chooses free ports when it is new, and prints them. NODE is confignode or datanode.
# The verbs with a FOLDER need Quarterdeck's Python environment: activated, or named by PYTHON=….
#
# The project publishes no binary package with its artefacts. Of this version there are the jars of its server, its ConfigNode and its
# consensus, and the source release; what those jars need beside them is built from the source. Two versions differ from the source's own:
# that of tsfile which it wants is not published, and the one after it comes with a newer ANTLR, whose grammars an older runtime cannot read.
# The command line client and the JDBC driver below it are not published either: the compiler alone makes them, against the server's jars.
set -euo pipefail

version=2.0.10
recipe=2 # To be raised when what is below makes something else: what an older recipe has installed is then no longer used.
tsfile=2.4.0
antlr=4.13.2
jline=3.26.2
commons_csv=1.10.0
osgi=7.0.0
dependency_plugin=org.apache.maven.plugins:maven-dependency-plugin:3.6.0
built=(
    external-api external-service-api node-commons calc-commons metrics-core iotdb-session iotdb-subscription
    iotdb-antlr iotdb-relational-grammar iotdb-thrift-ainode iotdb-thrift-confignode iotdb-thrift-consensus
)
# Checks of style and licences, tests, archives of sources: nothing that a jar to run needs.
left_out=(
    maven.test.skip maven.source.skip maven.javadoc.skip checkstyle.skip spotless.skip spotless.check.skip rat.skip enforcer.skip
    mdep.analyze.skip xml-format.skip remoteresources.skip cyclonedx.skip
)

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${QUARTERDECK_SERVERS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/quarterdeck-servers}"
installation="$cache/iotdb-$version-$recipe"
scratch="$installation.unfinished"
log="$installation.log"

fail() { echo "iotdb.sh: $*" >&2; exit 1; }

check_tools() {
    local missing=() tool
    for tool in javac mvn flock; do command -v "$tool" > /dev/null || missing+=("$tool"); done
    [ ${#missing[@]} -eq 0 ] ||
        fail "needs ${missing[*]}; on Debian and Ubuntu: apt-get install --no-install-recommends openjdk-17-jdk-headless maven util-linux"
    local java
    java="$(javac -version 2>&1 | sed 's/[^0-9]*\([0-9]*\).*/\1/')"
    [ "$java" -ge 17 ] || fail "needs a JDK of version 17 or later, and finds $java: set JAVA_HOME and PATH to a later one"
}

# Maven with a repository of its own, so that the user's is left as it is. A download that breaks off is tried again.
maven() {
    local attempt
    for attempt in 1 2 3; do
        (cd "$scratch" && mvn --batch-mode --no-transfer-progress --update-snapshots "-Dmaven.repo.local=$scratch/repository" "$@") \
            >> "$log" 2>&1 < /dev/null && return
        echo "attempt $attempt failed: $(grep '^\[ERROR\]' "$log" | tail -n 1)"
        sleep $((attempt * 5))
    done
    fail "Maven failed three times; all that it said: $log"
}

unpack_source() {
    maven "$dependency_plugin:unpack" "-Dartifact=org.apache.iotdb:iotdb-parent:$version:zip:source-release" "-DoutputDirectory=$scratch/source"
    # An extension that reports builds to a server of its maker.
    rm -rf "$scratch/source/apache-iotdb-$version/.mvn"
}

build_modules() {
    local modules skips
    modules="$(printf ',org.apache.iotdb:%s' "${built[@]}")"
    skips=("${left_out[@]/#/-D}")
    maven --file "$scratch/source/apache-iotdb-$version/pom.xml" "${skips[@]/%/=true}" "-Dtsfile.version=$tsfile" "-Dantlr4.version=$antlr" \
        --also-make --projects "${modules#,}" install
}

managed() {
    echo "<dependency><groupId>$1</groupId><artifactId>$2</artifactId><version>$3</version>${4:+<scope>$4</scope>}</dependency>"
}

collect_jars() {
    mkdir -p "$scratch/run"
    cat > "$scratch/run/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>run</groupId><artifactId>iotdb</artifactId><version>$version</version><packaging>pom</packaging>
  <dependencyManagement><dependencies>
    $(managed org.apache.tsfile tsfile $tsfile)
    $(managed org.apache.tsfile common $tsfile)
    $(managed org.antlr antlr4-runtime $antlr)
  </dependencies></dependencyManagement>
  <dependencies>
    $(managed org.apache.iotdb iotdb-server $version)
    $(managed org.apache.iotdb iotdb-confignode $version)
    $(managed org.jline jline $jline)
    $(managed org.apache.commons commons-csv $commons_csv)
    $(managed org.osgi osgi.cmpn $osgi provided)
  </dependencies>
</project>
POM
    maven --file "$scratch/run/pom.xml" "$dependency_plugin:copy-dependencies" -DincludeScope=runtime "-DoutputDirectory=$scratch/complete/lib"
    mkdir "$scratch/complete/conf"
    find "$scratch/source" -path '*/src/assembly/resources/conf/iotdb-system.properties.template' -exec cp {} "$scratch/complete/conf" \;
    [ -s "$scratch/complete/conf/iotdb-system.properties.template" ] || fail "the source has no template of the configuration"
}

# What only the client needs stays out of the nodes' class path. Two classes are for OSGi containers, and want more of OSGi than annotations.
compile_cli() {
    local client="$scratch/source/apache-iotdb-$version/iotdb-client" lib="$scratch/complete/lib" cli="$scratch/complete/cli"
    mkdir "$cli"
    mv "$lib/jline-$jline.jar" "$lib/commons-csv-$commons_csv.jar" "$cli"
    find "$client"/{jdbc,cli}/src/main/{java,i18n/en} -name '*.java' ! -name Activator.java ! -name IoTDBDataSourceFactory.java > "$scratch/cli.files"
    javac -proc:none -nowarn -encoding UTF-8 -d "$cli/classes" \
        -cp "$lib/*:$cli/*:$scratch/repository/org/osgi/osgi.cmpn/$osgi/osgi.cmpn-$osgi.jar" "@$scratch/cli.files" >> "$log" 2>&1 ||
        fail "the command line client does not compile; all that the compiler said: $log"
}

install() {
    [ ! -d "$installation" ] || { echo "IoTDB $version is installed: $installation"; return; }
    check_tools
    mkdir -p "$cache"
    exec 9> "$installation.lock"
    flock --nonblock 9 || { echo "another process installs IoTDB; waiting for it"; flock 9; }
    [ ! -d "$installation" ] || { echo "IoTDB $version is installed: $installation"; return; }
    # What an interrupted installation has downloaded is used again; nothing else of it is.
    mkdir -p "$scratch"
    find "$scratch" -mindepth 1 -maxdepth 1 ! -name repository -exec rm -rf {} +
    : > "$log"
    SECONDS=0
    unpack_source
    echo "source of IoTDB $version unpacked after $SECONDS s; building what is not published (log: $log)"
    build_modules
    echo "built after $SECONDS s"
    collect_jars
    compile_cli
    mv "$scratch/complete" "$installation"
    rm -rf "$scratch" "$log"
    echo "IoTDB $version installed in $SECONDS s: $installation, $(du -sm "$installation" | cut -f 1) MB"
}

case "${1:-}" in
    install) install ;;
    where)
        echo "$installation"
        [ -d "$installation" ] || exit 1
        ;;
    start | stop | status | kill | pause | resume | restart | wipe | cli) exec "${PYTHON:-python3}" "$here/iotdb_command.py" "$@" ;;
    *)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
esac
