package org.densenet4j.scripts;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A folder as gpu-bundle makes it, whose programs are shell scripts that say at once what the real
 * ones say after a while, and a folder of tools that hides those of the machine.
 */
final class FakeBundle {
    private static final Path SCRIPTS = Path.of("scripts").toAbsolutePath();
    private static final String MEASURED =
            "strategy=X predicted=7 allocated=2000000 resident=1 medianSeconds=0.5"
                    + " imagesPerSecond=128.0 losses=1.0,2.0 graphs=$graphs input=staged";

    /** What the scripts need of a machine. */
    private static final List<String> PLAIN_TOOLS =
            List.of(
                    "awk",
                    "bash",
                    "cat",
                    "cp",
                    "cut",
                    "date",
                    "dirname",
                    "free",
                    "grep",
                    "gzip",
                    "head",
                    "id",
                    "ls",
                    "mkdir",
                    "mktemp",
                    "mv",
                    "nproc",
                    "readlink",
                    "rm",
                    "sed",
                    "sleep",
                    "tail",
                    "tar",
                    "tee",
                    "touch",
                    "tr",
                    "uname",
                    "wc");

    private final Path root;
    private final Path bundle;
    private final Path tools;
    private final Map<String, String> environment = new HashMap<>();

    FakeBundle(Path root) throws IOException {
        this(root, Map.of());
    }

    /** With variables that its programs find in their environment. */
    FakeBundle(Path root, Map<String, String> environment) throws IOException {
        this.root = root;
        this.environment.putAll(environment);
        this.bundle = Files.createDirectories(root.resolve("bundle"));
        this.tools = Files.createDirectories(root.resolve("tools"));
        Files.createFile(bundle.resolve(".gpu-bundle"));
        Files.createFile(
                Files.createDirectories(bundle.resolve("golden")).resolve("a.safetensors"));
        Files.writeString(bundle.resolve("kernels.txt"), "our_kernel_v1\nour_kernel_v4\n");
        for (String name :
                List.of("gpu-first", "gpu-compare", "gpu-stages.bash", "pytorch_peer.py")) {
            Files.copy(SCRIPTS.resolve(name), bundle.resolve(name));
        }
        engine();
        java();
        tool("compute-sanitizer", "echo \"$*\"");
        tool("ncu", "echo \"$*\"");
        tool("nvidia-smi", "case \"$*\" in *memory.used*) echo 17;; *) echo a card;; esac");
        tool(
                "python3",
                "[ \"$1\" != -c ] || exit 1",
                "printf 'pytorch\\tbc-100-12\\t64\\tnaive\\ttf32\\ton-gpu\\t99.5\\t3000000\\t4\\t5\\town\\n'",
                "printf 'pytorch\\tbc-100-12\\t256\\tnaive\\ttf32\\ton-gpu\\t-\\t-\\t-\\t-\\tout of memory\\n'");
    }

    Path folder() {
        return bundle;
    }

    /** Lets the engine begin with these lines; after them it works. */
    void engine(String... lines) throws IOException {
        List<String> all = new ArrayList<>();
        all.add("[ \"$1\" != --java-home ] || { echo \"${0%/*}/runtime\"; exit; }");
        all.addAll(List.of(lines));
        all.add("graphs=replayed; case \"$*\" in *--no-graphs*) graphs=plain;; esac");
        all.add("case $1 in parity) echo 'parity holds';;");
        all.add("doctor) echo '  cuda            cuda, a card';;");
        all.add("measure) echo " + MEASURED + ";; esac");
        script(bundle.resolve("densenet4j"), all.toArray(String[]::new));
    }

    /** Lets Java begin with these lines; after them tests succeed. */
    void java(String... lines) throws IOException {
        List<String> all = new ArrayList<>(List.of(lines));
        all.add("echo '[ 5 tests successful ]'");
        script(bundle.resolve("runtime/bin/java"), all.toArray(String[]::new));
    }

    /** Replaces a program of the bundle. */
    void program(String name, String... lines) throws IOException {
        script(bundle.resolve(name), lines);
    }

    void environment(String name, String value) {
        environment.put(name, value);
    }

    void tool(String name, String... lines) throws IOException {
        script(tools.resolve(name), lines);
    }

    private static void script(Path file, String... lines) throws IOException {
        Files.createDirectories(file.getParent());
        Files.writeString(file, "#!/bin/bash\n" + String.join("\n", lines) + "\n");
        assertTrue(file.toFile().setExecutable(true));
    }

    /** Leaves neither Python nor anything of NVIDIA's in the search path. */
    void onlyPlainTools() throws IOException, InterruptedException {
        Path plain = Files.createDirectories(root.resolve("plain"));
        for (String tool : PLAIN_TOOLS) {
            Finished found = Finished.run(plain, Map.of(), "bash", "-c", "command -v " + tool);
            if (found.exitCode() == 0) {
                script(plain.resolve(tool), "exec " + found.out().strip() + " \"$@\"");
            }
        }
        environment.put("PATH", plain.toString());
    }

    Finished run(String script, String... options) throws IOException, InterruptedException {
        return Finished.run(tools, environment, command(script, options));
    }

    Process start(String script, String... options) throws IOException {
        return Finished.start(tools, environment, command(script, options));
    }

    /** Ctrl-C is heard also where these tests run in the background of a shell. */
    private String[] command(String script, String... options) {
        List<String> command =
                new ArrayList<>(
                        List.of("env", "--default-signal=INT", bundle.resolve(script).toString()));
        command.addAll(List.of(options));
        command.add(out().toString());
        return command.toArray(String[]::new);
    }

    private Path out() {
        return root.resolve("out");
    }

    /** The text of a file in the archive of results. */
    String inArchive(String file) throws IOException, InterruptedException {
        Finished found =
                Finished.run(
                        tools,
                        Map.of(),
                        "tar",
                        "-xzOf",
                        out().resolve("results.tgz").toString(),
                        "./" + file);
        assertEquals(0, found.exitCode(), found.out());
        return found.out();
    }

    /** What became of each stage. */
    Map<String, String> stages() throws IOException, InterruptedException {
        Map<String, String> results = new LinkedHashMap<>();
        for (Map<String, String> row : rows()) {
            if (row.containsKey("stage")) {
                results.put(row.get("stage"), row.get("result"));
            }
        }
        return results;
    }

    List<Map<String, String>> figures() throws IOException, InterruptedException {
        return rows().stream().filter(row -> row.containsKey("framework")).toList();
    }

    private List<Map<String, String>> rows() throws IOException, InterruptedException {
        List<Map<String, String>> rows = new ArrayList<>();
        try (JsonParser parser = new JsonFactory().createParser(inArchive("summary.json"))) {
            while (parser.nextToken() != null) {
                if (parser.currentToken() == JsonToken.START_OBJECT) {
                    rows.add(new LinkedHashMap<>());
                } else if (parser.currentToken() == JsonToken.FIELD_NAME) {
                    String name = parser.currentName();
                    parser.nextToken();
                    rows.getLast().put(name, parser.getText());
                }
            }
        }
        return rows;
    }
}
