package org.densenet4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import static java.nio.charset.StandardCharsets.UTF_8;

import org.densenet4j.io.Csv;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.imageio.ImageIO;

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
        Files.createDirectories(temporary.resolve("scripts"));
        Files.copy(Path.of("scripts/launch.bash"), temporary.resolve("scripts/launch.bash"));
        Files.createDirectories(temporary.resolve("target"));
        Files.createFile(temporary.resolve("target/densenet4j.jar"));
        tools = Files.createDirectory(temporary.resolve("tools"));
        for (String tool :
                List.of(
                        "bash",
                        "dirname",
                        "readlink",
                        "sed",
                        "head",
                        "find",
                        "env",
                        "ls",
                        "cat",
                        "locale",
                        "xargs",
                        "printf")) {
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
        assertTrue(result.output().startsWith(home + "|"), result.output());
        assertTrue(result.output().contains("--add-modules|jdk.incubator.vector"));
        assertTrue(result.output().contains("--enable-native-access=ALL-UNNAMED"));
        assertTrue(result.output().endsWith("densenet4j.jar|plan|--batch|1 2\n"), result.output());
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
        assertTrue(result.output().startsWith(good + "|"), result.output());
    }

    @Test
    void optionsForJavaMayHoldBlanksInQuotesAndNothingElseIsExpanded() throws Exception {
        String home = jdk("home", "25").toString();
        Result plain =
                launch(Map.of("JAVA_HOME", home, "DENSENET4J_OPTS", " -Xmx2g\n -Da=* -Db=$(ls) "));
        assertTrue(plain.output().contains("|-Xmx1g|-Xmx2g|-Da=*|-Db=$(ls)|-jar|"), plain.output());
        Result quoted =
                launch(
                        Map.of(
                                "JAVA_HOME",
                                home,
                                "DENSENET4J_OPTS",
                                "-Da=\"b  c\" '-Dd=e f' -Xmx2g"));
        assertTrue(quoted.output().contains("|-Da=b  c|-Dd=e f|-Xmx2g|-jar|"), quoted.output());
        Result broken = launch(Map.of("JAVA_HOME", home, "DENSENET4J_OPTS", "-Da='b"));
        assertEquals(2, broken.code());
        assertTrue(broken.output().startsWith("densenet4j: DENSENET4J_OPTS"), broken.output());
    }

    @Test
    void withoutAHomeItStarts() throws Exception {
        Result result = launchWithout("HOME", Map.of("JAVA_HOME", jdk("home", "25").toString()));
        assertEquals(0, result.code(), result.output());
        assertTrue(result.output().startsWith(temporary.resolve("home") + "|"), result.output());
    }

    // ---------------------------------------------------------------- the real Java

    /** The names of files and what is printed are UTF-8, whatever the environment. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "LC_ALL=C",
                "LC_ALL=POSIX",
                "LANG=xx_XX.UTF-8",
                "LC_CTYPE=C LANG=C.UTF-8"
            })
    void namesThatAreNotAsciiWorkInEveryLocale(String environment) throws Exception {
        Result result = real(environment, "", "predict", "--weights", "猫.safetensors", "犬.png");
        assertEquals(2, result.code(), result.output());
        assertTrue(result.output().contains("error: 猫.safetensors: no such file"), result.output());
    }

    @Test
    void aProjectInAFolderOfAnyNameStarts() throws Exception {
        Path odd = Files.createDirectory(temporary.resolve("мой проект 猫's"));
        for (String name : List.of("densenet4j", "scripts", "target")) {
            Files.move(temporary.resolve(name), odd.resolve(name));
        }
        Path link =
                Files.createSymbolicLink(
                        temporary.resolve("densenet4j"), odd.resolve("densenet4j"));
        try {
            Result result = real("LC_ALL=C", "", "--version");
            assertEquals(0, result.code(), result.output());
        } finally {
            Files.delete(link);
        }
    }

    @Test
    void classesThatAreNotAsciiStayApartWithoutALocale() throws Exception {
        for (String part : List.of("train", "val")) {
            for (String name : List.of("猫", "犬")) {
                Path folder =
                        Files.createDirectories(temporary.resolve("data/" + part + "/" + name));
                BufferedImage image = new BufferedImage(8, 8, BufferedImage.TYPE_INT_RGB);
                ImageIO.write(image, "png", folder.resolve("a.png").toFile());
            }
        }
        Result result =
                real(
                        "",
                        "",
                        "train --device cpu --data folder:data --model bc-10-4 --batch 2 --epochs 1"
                                .concat(" --input-size 8 --no-compare --out run")
                                .split(" ", -1));
        assertEquals(0, result.code(), result.output());
        List<List<String>> confusion =
                Csv.parse(Files.readString(temporary.resolve("run/confusion.csv")));
        assertEquals(List.of("class", "犬", "猫"), confusion.getFirst());
        for (List<String> row : confusion.subList(1, 3)) {
            int images = Integer.parseInt(row.get(1)) + Integer.parseInt(row.get(2));
            assertEquals(1, images, "each class has its own image: " + confusion);
        }
    }

    @Test
    void aHeapThatIsTooSmallCostsOneLine() throws Exception {
        Result result =
                real("DENSENET4J_OPTS=-Xmx8m", "", "train", "--device", "cpu", "--glyphs", "5");
        assertEquals(1, result.code(), result.output());
        String last = result.output().lines().reduce("", (a, b) -> b);
        assertTrue(last.startsWith("error: the Java heap has "), result.output());
        assertTrue(last.contains("DENSENET4J_OPTS=-Xmx"), last);
        assertFalse(result.output().contains("\tat "), result.output());
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void outputThatCannotBeWrittenIsAnError() throws Exception {
        String plan = "plan --device cpu --model bc-10-4";
        for (String where : List.of(">/dev/full", ">&-")) {
            Result full = real("", where, plan.split(" ", -1));
            assertEquals(1, full.code(), where + full.output());
            assertTrue(
                    full.output().contains("error: cannot write standard output: "), full.output());
        }
        assertEquals(1, real("", ">/dev/full", "--help").code());
        assertEquals(0, real("", "2>&-", plan.split(" ", -1)).code());
        Result head = real("", "| :", plan.split(" ", -1));
        assertEquals(-1, head.output().indexOf("error"), head.output());
    }

    /** Each would build into the same folder. */
    @Test
    void processesOfALauncherDoNotBuild() throws Exception {
        Path home = jdk("home", "25.0.1");
        Path script = temporary.resolve("densenet4j").toRealPath();
        Files.deleteIfExists(script.resolveSibling("target/densenet4j.jar"));
        Result result =
                launch(
                        Map.of(
                                "JAVA_HOME",
                                home.toString(),
                                "OMPI_COMM_WORLD_SIZE",
                                "4",
                                "OMPI_COMM_WORLD_RANK",
                                "0"));
        assertEquals(2, result.code(), result.output());
        assertEquals(
                "densenet4j: is not built, or sources have changed, and 4 processes would build at"
                        + " once; run ./densenet4j doctor first, without mpirun or srun\n",
                result.output());
    }

    /** A folder that looks like a JDK; its java prints where it is and what it was given. */
    private Path jdk(String name, String version) throws IOException {
        Path home = temporary.resolve(name);
        Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
        Files.writeString(home.resolve("release"), "JAVA_VERSION=\"" + version + "\"\n");
        Files.writeString(java, "#!/bin/sh\nIFS='|'; echo \"" + home + "|$*\"\n");
        assertTrue(java.toFile().setExecutable(true));
        return home;
    }

    private record Result(int code, String output) {}

    private Result launch(Map<String, String> variables) throws Exception {
        return launchWithout("", variables);
    }

    private Result launchWithout(String missing, Map<String, String> variables) throws Exception {
        ProcessBuilder builder =
                new ProcessBuilder(
                        temporary.resolve("densenet4j").toString(), "plan", "--batch", "1 2");
        builder.environment().clear();
        builder.environment().put("PATH", tools.toString());
        builder.environment().put("HOME", temporary.toString());
        builder.environment().put("DENSENET4J_JVMS", "/nowhere");
        builder.environment().putAll(variables);
        builder.environment().remove(missing);
        return finish(builder);
    }

    /**
     * Runs the script with this JDK and these classes.
     *
     * @param environment all of it but JAVA_HOME, PATH and HOME
     * @param redirection of the shell
     */
    private Result real(String environment, String redirection, String... arguments)
            throws Exception {
        Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, Main.class.getName());
        manifest.getMainAttributes()
                .put(
                        Attributes.Name.CLASS_PATH,
                        Stream.of(System.getProperty("java.class.path").split(":", -1))
                                .map(entry -> Path.of(entry).toUri().toString())
                                .collect(Collectors.joining(" ")));
        Path script = temporary.resolve("densenet4j").toRealPath();
        Path jar = script.resolveSibling("target/densenet4j.jar");
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        List<String> command = new ArrayList<>(List.of("env", "-i"));
        command.add("JAVA_HOME=" + System.getProperty("java.home"));
        command.addAll(List.of("PATH=/usr/bin:/bin", "HOME=" + temporary));
        command.addAll(Stream.of(environment.split(" ", -1)).filter(v -> !v.isEmpty()).toList());
        command.addAll(List.of("bash", "-c", "\"$@\" " + redirection, "bash"));
        command.add(temporary.resolve("densenet4j").toString());
        command.addAll(List.of(arguments));
        return finish(new ProcessBuilder(command).directory(temporary.toFile()));
    }

    private static Result finish(ProcessBuilder builder) throws Exception {
        Process process = builder.redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        return new Result(process.waitFor(), output);
    }
}
