package org.densenet4j.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

/** Javadoc has nothing to say of the packages that programs call. */
class JavadocTest {
    private static final List<String> CALLED =
            List.of("data", "engine", "graph", "inference", "insight", "spec", "train", "weights");

    @TempDir private Path folder;

    @Test
    void everythingThatProgramsCallIsDocumented() throws IOException {
        Path sources = Path.of("src", "main", "java");
        assumeTrue(Files.isDirectory(sources), "there are no sources beside the tests");
        ToolProvider javadoc = ToolProvider.findFirst("javadoc").orElse(null);
        assumeTrue(javadoc != null, "this JVM has no javadoc");
        // The files by their names and no path of sources: a module-info there would hide the class
        // path.
        List<String> arguments =
                new ArrayList<>(
                        List.of(
                                "-Xdoclint:all",
                                "-quiet",
                                "-Xmaxwarns",
                                "1000",
                                "--add-modules",
                                "jdk.incubator.vector",
                                "-classpath",
                                System.getProperty("java.class.path"),
                                "-sourcepath",
                                folder.toString(),
                                "-d",
                                folder.resolve("pages").toString()));
        for (String name : CALLED) {
            try (Stream<Path> files = Files.list(sources.resolve("org/densenet4j/" + name))) {
                files.map(Path::toString).filter(f -> f.endsWith(".java")).forEach(arguments::add);
            }
        }
        StringWriter said = new StringWriter();
        PrintWriter out = new PrintWriter(said, true);
        int code = javadoc.run(out, out, arguments.toArray(String[]::new));
        List<String> warnings =
                said.toString()
                        .lines()
                        .filter(line -> line.contains("warning:") || line.contains("error:"))
                        .filter(line -> !line.contains("incubator"))
                        .toList();
        assertEquals("", String.join("\n", warnings));
        assertEquals(0, code, said.toString());
    }
}
