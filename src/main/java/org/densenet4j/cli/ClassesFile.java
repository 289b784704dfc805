package org.densenet4j.cli;

import org.densenet4j.io.OneLine;
import org.densenet4j.io.SmallText;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * A file with the names of classes, one a line in the order of the logits; blanks around names and
 * empty lines do not count.
 */
final class ClassesFile {
    private static final Pattern NUMBER_FIRST = Pattern.compile("(\\d{1,6})[\\s,;:=]+\\S.*");
    private static final Pattern NUMBER_LAST = Pattern.compile(".*\\S[\\s,;:=]+(\\d{1,6})");

    private final Path file;
    private final List<String> names;

    private ClassesFile(Path file, List<String> names) {
        this.file = file;
        this.names = names;
    }

    /**
     * Reads a file.
     *
     * @throws IOException in one line when it has not one name per class, or is JSON
     */
    static ClassesFile read(Path file, int classes) throws IOException {
        String text = SmallText.read(file).strip();
        if (isJson(text)) {
            throw new IOException(
                    file + ": is JSON; write the names one a line, in the order of the logits");
        }
        List<String> names =
                text.lines().map(String::strip).filter(line -> !line.isEmpty()).toList();
        if (names.size() != classes) {
            throw new IOException(
                    file
                            + ": has "
                            + names.size()
                            + " names, the network has "
                            + classes
                            + " classes");
        }
        return new ClassesFile(file, names);
    }

    private static boolean isJson(String text) {
        return text.startsWith("[") && text.endsWith("]")
                || text.startsWith("{") && text.endsWith("}");
    }

    /** Whether the numbers count the lines, from 0 or from 1, in any order. */
    private static boolean isNumbered(List<String> names, Pattern line) {
        Set<Integer> numbers = new TreeSet<>();
        for (String name : names) {
            Matcher matcher = line.matcher(name);
            if (matcher.matches()) {
                numbers.add(Integer.valueOf(matcher.group(1)));
            }
        }
        int count = names.size();
        return count > 1 && (numbers.equals(upTo(0, count)) || numbers.equals(upTo(1, count)));
    }

    private static Set<Integer> upTo(int first, int count) {
        return IntStream.range(first, first + count).boxed().collect(Collectors.toSet());
    }

    /** The names, to be used. Numbered lines are warned of: the numbers are parts of the names. */
    List<String> use() {
        if (isNumbered(names, NUMBER_FIRST) || isNumbered(names, NUMBER_LAST)) {
            System.err.println(
                    "warning: "
                            + OneLine.of(file.toString())
                            + ": the lines are numbered, and the numbers become parts of the"
                            + " names, such as '"
                            + OneLine.of(names.getFirst())
                            + "'; their order is that of the lines");
        }
        return names;
    }

    /**
     * Weights that record names know them best: other ones here would be wrong for every image.
     *
     * @param weights the file that records them
     * @throws IOException in one line when the names are others, or in another order
     */
    void requireSame(Path weights, List<String> recorded) throws IOException {
        if (names.equals(recorded)) {
            return;
        }
        boolean reordered = new HashSet<>(names).equals(new HashSet<>(recorded));
        int other =
                IntStream.range(0, names.size())
                        .filter(c -> !names.get(c).equals(recorded.get(c)))
                        .findFirst()
                        .orElseThrow();
        throw new IOException(
                file
                        + (reordered
                                ? ": has the names of the classes in another order than "
                                : ": has other names of the classes than ")
                        + weights
                        + " records: class "
                        + other
                        + " is '"
                        + names.get(other)
                        + "' there and '"
                        + recorded.get(other)
                        + "' in the weights; leave --classes-file out");
    }
}
