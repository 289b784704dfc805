package org.densenet4j.standin;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/** A class of the CUDA backend with a fault put into it, compiled from its source. */
final class Mutant {
    private static final Path PACKAGE =
            Path.of("src/main/java/org/densenet4j/backend/cuda").toAbsolutePath();

    private Mutant() {}

    /**
     * Writes a class with a fault.
     *
     * @param type simple name of the class
     * @param method name of the method, or of the methods
     * @param statement what is replaced: the text of a statement, or of a part of one, where any
     *     blanks and line ends match any others; it has to occur exactly once
     * @param replacement what stands there instead
     * @param folder where the class is written
     */
    static void compile(
            String type, String method, String statement, String replacement, Path folder)
            throws IOException {
        String source = Files.readString(PACKAGE.resolve(type + ".java"));
        String mutated = replace(type, source, method, statement, replacement);
        Path file = Files.createDirectories(folder.resolve("source")).resolve(type + ".java");
        Files.writeString(file, mutated);
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        DiagnosticCollector<JavaFileObject> diagnostics = new DiagnosticCollector<>();
        try (StandardJavaFileManager files =
                compiler.getStandardFileManager(diagnostics, Locale.ROOT, null)) {
            boolean compiled =
                    compiler.getTask(
                                    null,
                                    files,
                                    diagnostics,
                                    List.of(
                                            "-proc:none",
                                            "-d",
                                            folder.toString(),
                                            "-cp",
                                            System.getProperty("java.class.path")),
                                    null,
                                    files.getJavaFileObjects(file))
                            .call();
            if (!compiled) {
                List<String> errors =
                        diagnostics.getDiagnostics().stream()
                                .map((Diagnostic<?> d) -> d.getMessage(Locale.ROOT))
                                .toList();
                throw new AssertionError("the mutant does not compile: " + errors);
            }
        }
    }

    private static String replace(
            String type, String source, String method, String statement, String replacement) {
        Pattern wanted = Pattern.compile(pattern(statement));
        Matcher declaration =
                Pattern.compile("\\n    [\\w ]*\\b" + method + "\\([^)]*\\) \\{").matcher(source);
        List<MatchResult> places = new ArrayList<>();
        while (declaration.find()) {
            int end = endOfBlock(source, declaration.end() - 1);
            Matcher matcher = wanted.matcher(source).region(declaration.end(), end);
            matcher.results().forEach(places::add);
        }
        if (places.size() != 1) {
            throw new AssertionError(
                    "the mutant no longer applies: %s.%s has %d times %s"
                            .formatted(type, method, places.size(), statement));
        }
        MatchResult place = places.getFirst();
        return source.substring(0, place.start()) + replacement + source.substring(place.end());
    }

    private static int endOfBlock(String source, int open) {
        int depth = 0;
        for (int i = open; i < source.length(); i++) {
            depth += source.charAt(i) == '{' ? 1 : source.charAt(i) == '}' ? -1 : 0;
            if (depth == 0) {
                return i;
            }
        }
        throw new AssertionError("no end of the block");
    }

    /** Words and signs as they are, with any blanks between them. */
    private static String pattern(String statement) {
        StringBuilder pattern = new StringBuilder();
        Matcher tokens = Pattern.compile("\\w+|\\S").matcher(statement);
        while (tokens.find()) {
            pattern.append(Pattern.quote(tokens.group())).append("\\s*");
        }
        return pattern.toString();
    }
}
