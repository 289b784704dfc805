package org.densenet4j.architecture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.spi.ToolProvider;

/** Javadoc has nothing to say of the packages that programs call. */
class JavadocTest {
    private static final List<String> CALLED =
            List.of("data", "engine", "graph", "inference", "insight", "spec", "train", "weights");

    @TempDir private Path folder;

    @Test
    void everythingThatProgramsCallIsDocumented() {
        Path sources = Path.of("src", "main", "java");
        assumeTrue(Files.isDirectory(sources), "there are no sources beside the tests");
        ToolProvider javadoc = ToolProvider.findFirst("javadoc").orElse(null);
        assumeTrue(javadoc != null, "this JVM has no javadoc");
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
                                sources.toString(),
                                "-d",
                                folder.toString()));
        CALLED.forEach(name -> arguments.add("org.densenet4j." + name));
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
