SELECT
  'velocity_burst' AS "detector",
  1 AS "version",
  "t13"."subject",
  "t13"."window_start_us",
  "t13"."window_start_us" + 86400000000 AS "window_end_us",
  "t13"."from_us",
  "t13"."to_us",
  "t13"."payments",
  "t13"."amount",
  "t13"."score"
FROM (
  SELECT
    "t12"."subject",
    "t12"."to_us" - (
      "t12"."to_us" % 86400000000
    ) AS "window_start_us",
    MIN("t12"."from_us") AS "from_us",
    MAX("t12"."to_us") AS "to_us",
    MAX("t12"."payments") AS "payments",
    MAX("t12"."amount") AS "amount",
    MAX("t12"."score") AS "score"
  FROM (
    SELECT
      "t11"."subject",
      "t11"."us" - 3600000000 AS "from_us",
      "t11"."us" AS "to_us",
      "t11"."payments",
      "t11"."total" AS "amount",
      CAST(FLOOR(
        CAST((
          (
            "t11"."payments" * 100
          ) - (
            (
              "t11"."payments" * 100
            ) % 20
          )
        ) AS DOUBLE) / (
          20
        )
      ) AS BIGINT) AS "score"
    FROM (
      SELECT
        "t10"."subject",
        "t10"."tx_id",
        "t10"."us",
        "t10"."amount",
        COUNT(*) OVER (
          PARTITION BY "t10"."subject"
          ORDER BY "t10"."us" ASC
          RANGE BETWEEN 3600000000 preceding AND CURRENT ROW
        ) AS "payments",
        SUM("t10"."amount") OVER (
          PARTITION BY "t10"."subject"
          ORDER BY "t10"."us" ASC
          RANGE BETWEEN 3600000000 preceding AND CURRENT ROW
        ) AS "total"
      FROM (
        SELECT
          "t9"."sender" AS "subject",
          "t9"."tx_id",
          "t9"."us",
          "t9"."amount"
        FROM (
          SELECT
            "t8"."tx_id",
            "t8"."us",
            "t8"."kind",
            "t8"."sender",
            "t8"."recipient",
            "t8"."amount",
            "t8"."device"
          FROM (
            SELECT
              "t5"."tx_id",
              "t5"."us",
              "t5"."kind",
              "t5"."sender",
              "t5"."recipient",
              "t5"."amount",
              "t5"."device",
              "t7"."subject"
            FROM (
              SELECT
                *
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
                "t2"."kind" = 'payment'
            ) AS "t5"
            INNER JOIN (
              SELECT DISTINCT
                "t4"."subject"
              FROM (
                SELECT
                  "t2"."sender" AS "subject",
                  "t2"."us" - (
                    "t2"."us" % 86400000000
                  ) AS "bucket",
                  COUNT(*) AS "n",
                  SUM("t2"."amount") AS "total"
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
                GROUP BY
                  1,
                  2
              ) AS "t4"
              WHERE
                (
                  (
                    "t4"."n" >= 10
                  ) OR (
                    "t4"."total" >= 50000
                  )
                )
                AND "t4"."n" >= 10
            ) AS "t7"
              ON "t5"."sender" = "t7"."subject"
          ) AS "t8"
        ) AS "t9"
      ) AS "t10"
    ) AS "t11"
    WHERE
      "t11"."payments" >= 20 AND "t11"."us" >= 0
  ) AS "t12"
  GROUP BY
    1,
    2
) AS "t13"
