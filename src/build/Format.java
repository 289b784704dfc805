import com.google.googlejavaformat.java.Formatter;
import com.google.googlejavaformat.java.ImportOrderer;
import com.google.googlejavaformat.java.JavaFormatterOptions;
import com.google.googlejavaformat.java.RemoveUnusedImports;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs google-java-format over every Java source of the project, on the JDK that compiles it.
 * (Spotless runs the formatter inside Maven's own JVM, which may be older than the language level
 * of these sources.)
 *
 * <p>{@code --check} lists badly formatted files and fails; {@code --write} rewrites them.
 */
class Format {
    public static void main(String[] args) throws Exception {
        boolean write = args[0].equals("--write");
        var formatter =
                new Formatter(
                        JavaFormatterOptions.builder()
                                .style(JavaFormatterOptions.Style.AOSP)
                                .build());
        List<Path> bad = new ArrayList<>();
        for (int i = 1; i < args.length; i++) {
            for (Path file : javaFiles(Path.of(args[i]))) {
                String source = Files.readString(file);
                String formatted =
                        formatter.formatSource(
                                ImportOrderer.reorderImports(
                                        RemoveUnusedImports.removeUnusedImports(source),
                                        JavaFormatterOptions.Style.AOSP));
                if (!formatted.equals(source)) {
                    bad.add(file);
                    if (write) {
                        Files.writeString(file, formatted);
                    }
                }
            }
        }
        if (write) {
            System.out.println("formatted " + bad.size() + " files");
        } else if (!bad.isEmpty()) {
            bad.forEach(file -> System.err.println("not formatted: " + file));
            System.err.println("run: mvn toolchains:select-jdk-toolchain exec:exec@format");
            System.exit(1);
        }
    }

    private static List<Path> javaFiles(Path root) throws IOException {
        try (var files = Files.walk(root)) {
            return files.filter(file -> file.toString().endsWith(".java")).sorted().toList();
        }
    }
}
