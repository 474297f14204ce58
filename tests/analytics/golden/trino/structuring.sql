SELECT
  'structuring' AS "detector",
  1 AS "version",
  "t15"."subject",
  "t15"."window_start_us",
  "t15"."window_start_us" + 86400000000 AS "window_end_us",
  "t15"."from_us",
  "t15"."to_us",
  "t15"."payments",
  "t15"."amount",
  "t15"."score"
FROM (
  SELECT
    "t14"."subject",
    "t14"."to_us" - (
      "t14"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t14"."from_us") AS "from_us",
    MAX("t14"."to_us") AS "to_us",
    MAX("t14"."payments") AS "payments",
    MAX("t14"."amount") AS "amount",
    MAX("t14"."score") AS "score"
  FROM (
    SELECT
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "t6"."subject",
          "t6"."us" - 259200000000 AS "from_us",
          "t6"."us" AS "to_us",
          "t6"."payments",
          "t6"."total" AS "amount",
          CAST(FLOOR(
            CAST((
              (
                "t6"."payments" * 100
              ) - (
                (
                  "t6"."payments" * 100
                ) % 4
              )
            ) AS DOUBLE) / (
              4
            )
          ) AS BIGINT) AS "score"
        FROM (
          SELECT
            "t3"."subject",
            "t3"."tx_id",
            "t3"."us",
            "t3"."amount",
            COUNT(*) OVER (
              PARTITION BY "t3"."subject"
              ORDER BY "t3"."us" ASC
              RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
            ) AS "payments",
            SUM("t3"."amount") OVER (
              PARTITION BY "t3"."subject"
              ORDER BY "t3"."us" ASC
              RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
            ) AS "total"
          FROM (
            SELECT
              "t2"."sender" AS "subject",
              "t2"."tx_id",
              "t2"."us",
              "t2"."amount"
            FROM (
              SELECT
                "t1"."tx_id",
                "t1"."us",
                "t1"."kind",
                "t1"."sender",
                "t1"."recipient",
                "t1"."amount",
                "t1"."device"
              FROM (
                SELECT
                  *
                FROM "payments" AS "t0"
                WHERE
                  "t0"."verdict" IN ('allow', 'review')
              ) AS "t1"
            ) AS "t2"
            WHERE
              "t2"."amount" BETWEEN 900000 AND 999999
          ) AS "t3"
        ) AS "t6"
        WHERE
          "t6"."payments" >= 4
      ) AS "t9"
      UNION ALL
      SELECT
        *
      FROM (
        SELECT
          *
        FROM (
          SELECT
            "t7"."subject",
            "t7"."us" - 259200000000 AS "from_us",
            "t7"."us" AS "to_us",
            "t7"."payments",
            "t7"."total" AS "amount",
            CAST(FLOOR(
              CAST((
                (
                  "t7"."payments" * 100
                ) - (
                  (
                    "t7"."payments" * 100
                  ) % 4
                )
              ) AS DOUBLE) / (
                4
              )
            ) AS BIGINT) AS "score"
          FROM (
            SELECT
              "t4"."subject",
              "t4"."tx_id",
              "t4"."us",
              "t4"."amount",
              COUNT(*) OVER (
                PARTITION BY "t4"."subject"
                ORDER BY "t4"."us" ASC
                RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
              ) AS "payments",
              SUM("t4"."amount") OVER (
                PARTITION BY "t4"."subject"
                ORDER BY "t4"."us" ASC
                RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
              ) AS "total"
            FROM (
              SELECT
                "t2"."sender" AS "subject",
                "t2"."tx_id",
                "t2"."us",
                "t2"."amount"
              FROM (
                SELECT
                  "t1"."tx_id",
                  "t1"."us",
                  "t1"."kind",
                  "t1"."sender",
                  "t1"."recipient",
                  "t1"."amount",
                  "t1"."device"
                FROM (
                  SELECT
                    *
                  FROM "payments" AS "t0"
                  WHERE
                    "t0"."verdict" IN ('allow', 'review')
                ) AS "t1"
              ) AS "t2"
              WHERE
                "t2"."amount" BETWEEN 90000 AND 99999
            ) AS "t4"
          ) AS "t7"
          WHERE
            "t7"."payments" >= 4
        ) AS "t10"
        UNION ALL
        SELECT
          *
        FROM (
          SELECT
            "t8"."subject",
            "t8"."us" - 259200000000 AS "from_us",
            "t8"."us" AS "to_us",
            "t8"."payments",
            "t8"."total" AS "amount",
            CAST(FLOOR(
              CAST((
                (
                  "t8"."payments" * 100
                ) - (
                  (
                    "t8"."payments" * 100
                  ) % 4
                )
              ) AS DOUBLE) / (
                4
              )
            ) AS BIGINT) AS "score"
          FROM (
            SELECT
              "t5"."subject",
              "t5"."tx_id",
              "t5"."us",
              "t5"."amount",
              COUNT(*) OVER (
                PARTITION BY "t5"."subject"
                ORDER BY "t5"."us" ASC
                RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
              ) AS "payments",
              SUM("t5"."amount") OVER (
                PARTITION BY "t5"."subject"
                ORDER BY "t5"."us" ASC
                RANGE BETWEEN 259200000000 preceding AND CURRENT ROW
              ) AS "total"
            FROM (
              SELECT
                "t2"."sender" AS "subject",
                "t2"."tx_id",
                "t2"."us",
                "t2"."amount"
              FROM (
                SELECT
                  "t1"."tx_id",
                  "t1"."us",
                  "t1"."kind",
                  "t1"."sender",
                  "t1"."recipient",
                  "t1"."amount",
                  "t1"."device"
                FROM (
                  SELECT
                    *
                  FROM "payments" AS "t0"
                  WHERE
                    "t0"."verdict" IN ('allow', 'review')
                ) AS "t1"
              ) AS "t2"
              WHERE
                "t2"."amount" BETWEEN 270000 AND 299999
            ) AS "t5"
          ) AS "t8"
          WHERE
            "t8"."payments" >= 4
        ) AS "t11"
      ) AS "t12"
    ) AS "t13"
    WHERE
      "t13"."to_us" >= 0
  ) AS "t14"
  GROUP BY
    1,
    2
) AS "t15"
