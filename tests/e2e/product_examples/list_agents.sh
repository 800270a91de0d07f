curl "https://api.truedy.ai/api/public/v1/agents" \
  -H "Authorization: Bearer YOUR_API_KEY"
