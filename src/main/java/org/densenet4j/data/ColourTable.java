package org.densenet4j.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;

import org.densenet4j.io.Csv;
import org.densenet4j.io.OneLine;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/** The text of a table of class names and colours: CSV, columns between blanks, or JSON. */
final class ColourTable {
    private static final JsonFactory JSON = new JsonFactory();
    private static final Pattern COMMENT = Pattern.compile("(^|\\s+)#.*$");
    private static final Pattern BLANKS = Pattern.compile("\\s+");

    private ColourTable() {}

    /** One line. */
    record Row(String name, int rgb) {}

    static List<Row> parse(String file, String text) throws IOException {
        String stripped = text.strip();
        if (stripped.startsWith("{") || stripped.startsWith("[")) {
            return json(file, stripped);
        }
        List<Row> rows = new ArrayList<>();
        int number = 0;
        boolean first = true;
        for (String raw : text.lines().toList()) {
            number++;
            String line = COMMENT.matcher(raw).replaceFirst("").strip();
            if (line.isEmpty()) {
                continue;
            }
            List<String> cells = cells(line);
            if (!(first && isHeader(cells))) {
                rows.add(row(file + ", line " + number, line, cells));
            }
            first = false;
        }
        return rows;
    }

    private static List<String> cells(String line) {
        return line.indexOf(',') >= 0
                ? Csv.parse(line).getFirst().stream().map(String::strip).toList()
                : Arrays.asList(BLANKS.split(line));
    }

    /** Such as {@code name,r,g,b}: nothing in it is a number. */
    private static boolean isHeader(List<String> cells) {
        return cells.size() >= 4
                && cells.stream().map(c -> c.toLowerCase(Locale.ROOT)).anyMatch("name"::equals)
                && cells.stream().noneMatch(ColourTable::isNumber);
    }

    private static Row row(String where, String line, List<String> cells) throws DataException {
        int count = cells.size();
        if (count >= 4) {
            if (areNumbers(cells.subList(count - 3, count))) {
                return row(where, cells.subList(0, count - 3), cells.subList(count - 3, count));
            }
            if (areNumbers(cells.subList(0, 3))) {
                return row(where, cells.subList(3, count), cells.subList(0, 3));
            }
        }
        throw new DataException(
                where
                        + ": '"
                        + OneLine.shortened(line)
                        + "' is not name,r,g,b such as sky,128,128,128");
    }

    private static Row row(String where, List<String> words, List<String> rgb)
            throws DataException {
        String name = String.join(" ", words).strip();
        int[] values = rgb.stream().mapToInt(ColourTable::number).toArray();
        return row(where, name, values);
    }

    private static Row row(String where, String name, int... values) throws DataException {
        if (name.isEmpty()) {
            throw new DataException(where + ": the class has no name");
        }
        for (int value : values) {
            if (value < 0 || value > 255) {
                throw new DataException(
                        where + ": '" + OneLine.shortened(name) + "': colours are from 0 to 255");
            }
        }
        return new Row(name, values[0] << 16 | values[1] << 8 | values[2]);
    }

    private static boolean areNumbers(List<String> cells) {
        return cells.stream().allMatch(ColourTable::isNumber);
    }

    private static boolean isNumber(String cell) {
        return cell.matches("[-+]?\\d+");
    }

    /** Any number that is out of range for one with too many digits. */
    private static int number(String cell) {
        return cell.length() > 6 ? -1 : Integer.parseInt(cell);
    }

    private static List<Row> json(String file, String text) throws IOException {
        List<Row> rows = new ArrayList<>();
        try (JsonParser json = JSON.createParser(text)) {
            boolean isMap = json.nextToken() == JsonToken.START_OBJECT;
            while (isMap && json.nextToken() == JsonToken.FIELD_NAME) {
                String name = json.currentName();
                List<Integer> rgb = new ArrayList<>();
                if (json.nextToken() == JsonToken.START_ARRAY) {
                    while (json.nextToken() == JsonToken.VALUE_NUMBER_INT) {
                        rgb.add(json.getIntValue());
                    }
                }
                if (json.currentToken() != JsonToken.END_ARRAY || rgb.size() != 3) {
                    throw notATable(file, null);
                }
                rows.add(row(file, name.strip(), rgb.stream().mapToInt(v -> v).toArray()));
            }
            if (!isMap || json.currentToken() != JsonToken.END_OBJECT || json.nextToken() != null) {
                throw notATable(file, null);
            }
        } catch (JsonProcessingException e) {
            throw notATable(file, e);
        }
        return rows;
    }

    private static DataException notATable(String file, @Nullable Throwable cause) {
        return new DataException(
                file
                        + ": is not a JSON table of colours such as {\"sky\": [128, 128, 128],"
                        + " \"road\": [128, 64, 128]}",
                cause);
    }
}
