package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The script {@code densenet4j}: which JDK it takes, and what it says without one. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class LauncherTest {
    private static final String NEEDS =
            "densenet4j: needs JDK 25 or newer; install one (https://adoptium.net) or set JAVA_HOME"
                    + " to it\n";

    @TempDir private Path temporary;

    private Path tools;

    /** A copy of the script beside a jar that is up to date, and a PATH without Java. */
    @BeforeEach
    void install() throws IOException {
        Files.copy(Path.of("densenet4j"), temporary.resolve("densenet4j"));
        assertTrue(temporary.resolve("densenet4j").toFile().setExecutable(true));
        Files.createDirectories(temporary.resolve("target"));
        Files.createFile(temporary.resolve("target/densenet4j.jar"));
        tools = Files.createDirectory(temporary.resolve("tools"));
        for (String tool :
                List.of("bash", "dirname", "readlink", "sed", "head", "find", "env", "ls", "cat")) {
            for (String bin : List.of("/usr/bin", "/bin")) {
                if (Files.exists(Path.of(bin, tool)) && !Files.exists(tools.resolve(tool))) {
                    Files.createSymbolicLink(tools.resolve(tool), Path.of(bin, tool));
                }
            }
        }
    }

    /** JUnit warns when it finds links out of its folder. */
    @AfterEach
    void removeLinks() throws IOException {
        try (var links = Files.list(tools)) {
            for (Path link : links.toList()) {
                Files.delete(link);
            }
        }
    }

    @Test
    void withoutAnyJavaItSaysWhatIsNeeded() throws Exception {
        assertEquals(new Result(2, NEEDS), launch(Map.of()));
        assertEquals(new Result(2, NEEDS), launch(Map.of("JAVA_HOME", "/nowhere")));
    }

    @Test
    void anOldJavaIsNotTaken() throws Exception {
        Path old = jdk("old", "17.0.9");
        assertEquals(new Result(2, NEEDS), launch(Map.of("JAVA_HOME", old.toString())));
    }

    @Test
    void javaHomeIsTakenBeforeTheUsualFolders() throws Exception {
        Path home = jdk("home", "25.0.1");
        jdk("jvms/other", "26");
        Result result =
                launch(
                        Map.of(
                                "JAVA_HOME",
                                home.toString(),
                                "DENSENET4J_JVMS",
                                temporary.resolve("jvms").toString()));
        assertEquals(0, result.code(), result.output());
        assertTrue(result.output().startsWith(home + " "), result.output());
        assertTrue(result.output().contains("--add-modules jdk.incubator.vector"));
        assertTrue(result.output().contains("--enable-native-access=ALL-UNNAMED"));
        assertTrue(result.output().endsWith("densenet4j.jar plan --batch 1 2\n"), result.output());
    }

    @Test
    void theNewestEnoughJavaOfTheUsualFoldersIsFound() throws Exception {
        Path old = jdk("home", "21.0.2");
        jdk("jvms/java-17", "17");
        Path good = jdk("jvms/java-25 with a space", "25");
        Result result =
                launch(
                        Map.of(
                                "JAVA_HOME",
                                old.toString(),
                                "DENSENET4J_JVMS",
                                "/nowhere:" + temporary.resolve("jvms")));
        assertEquals(0, result.code(), result.output());
        assertTrue(result.output().startsWith(good + " "), result.output());
    }

    /** A folder that looks like a JDK; its java prints where it is and what it was given. */
    private Path jdk(String name, String version) throws IOException {
        Path home = temporary.resolve(name);
        Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
        Files.writeString(java, "#!/bin/sh\necho \"" + home + "\" \"$@\"\n");
        assertTrue(java.toFile().setExecutable(true));
        return home;
    }

    private record Result(int code, String output) {}

    private Result launch(Map<String, String> variables) throws Exception {
        ProcessBuilder builder =
                new ProcessBuilder(
                        temporary.resolve("densenet4j").toString(), "plan", "--batch", "1 2");
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().put("HOME", temporary.toString());
        builder.environment().put("DENSENET4J_JVMS", "/nowhere");
        builder.environment().putAll(variables);
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Result(process.waitFor(), output);
    }
}
