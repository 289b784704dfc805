import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleFinder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Makes the jar with the documentation of what the module exports, and fails where javadoc warns:
 * everything public has a comment, with every parameter, result and exception, and every comment is
 * well formed.
 *
 * <pre>java src/build/ApiDocumentation.java CLASS_PATH JAR DATE VERSION</pre>
 */
public final class ApiDocumentation {
    private static final Pattern WARNING = Pattern.compile("(.*: )?(warning|error)(:| -) .*");

    /** That the Vector API still incubates. */
    private static final Pattern ALLOWED = Pattern.compile("warning: \\[incubating\\] .*");

    private static final String MODULE = "org.densenet4j";

    private ApiDocumentation() {}

    public static void main(String[] args) throws IOException {
        List<Path> libraries =
                Stream.of(args[0].split(File.pathSeparator))
                        .map(Path::of)
                        .filter(Files::isRegularFile)
                        .toList();
        Path jar = Path.of(args[1]);
        Path folder = Files.createTempDirectory("javadoc");
        StringWriter said = new StringWriter();
        PrintWriter out = new PrintWriter(said);
        int code =
                ToolProvider.findFirst("javadoc")
                        .orElseThrow()
                        .run(out, out, javadoc(libraries, folder, args[3]));
        List<String> warnings =
                said.toString()
                        .lines()
                        .filter(line -> WARNING.matcher(line).matches())
                        .filter(line -> !ALLOWED.matcher(line).matches())
                        .toList();
        warnings.forEach(System.err::println);
        if (code != 0 || !warnings.isEmpty()) {
            System.err.println("javadoc: " + warnings.size() + " warnings or errors");
            System.exit(1);
        }
        code =
                ToolProvider.findFirst("jar")
                        .orElseThrow()
                        .run(
                                System.out,
                                System.err,
                                "--create",
                                "--file=" + jar,
                                "--date=" + args[2],
                                "-C",
                                folder.toString(),
                                ".");
        try (Stream<Path> files = Files.walk(folder)) {
            files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
        }
        System.exit(code);
    }

    private static String[] javadoc(List<Path> libraries, Path folder, String version) {
        // Jars without a descriptor are left on the class path, as Maven leaves them.
        List<Path> modules =
                libraries.stream()
                        .filter(
                                jar ->
                                        ModuleFinder.of(jar).findAll().stream()
                                                .noneMatch(
                                                        module ->
                                                                module.descriptor().isAutomatic()))
                        .toList();
        return new String[] {
            "-quiet",
            "-Xdoclint:all",
            "-Xmaxwarns",
            "100000",
            "-notimestamp",
            "--no-fonts",
            "-windowtitle",
            "densenet4j " + version,
            "-encoding",
            "UTF-8",
            "--module-source-path",
            MODULE + "=src/main/java",
            "--module",
            MODULE,
            "--module-path",
            path(modules),
            "--class-path",
            path(libraries),
            "--add-reads",
            MODULE + "=ALL-UNNAMED",
            "-d",
            folder.toString()
        };
    }

    private static String path(List<Path> jars) {
        return jars.stream().map(Path::toString).collect(Collectors.joining(File.pathSeparator));
    }
}
